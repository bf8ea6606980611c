"""The network: RGB pictures in, features by layer name out; frozen."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from stylecli.encoder.registry import EncoderSpec, check_layers
from stylecli.settings import Padding, Pooling

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class Step(NamedTuple):
    """One layer: `conv` (3×3, stride 1, output as large as its input), `relu` or `pool` (2×2).

    `weight` (C_out, C_in, 3, 3) and `bias` (C_out,) belong to `conv` alone.
    """

    kind: Literal["conv", "relu", "pool"]
    name: str
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None


class Encoder(nn.Module):
    """A frozen VGG that gives features by layer name.

    `pooling` is `max`, or `average` as Gatys et al. 2016 recommend. `padding` is that of the
    first convolution alone: `replicate` avoids edge artifacts, `zeros` is torchvision's; every
    other convolution pads with zeros. `weights` is keyed as torchvision's `vgg.features`:
    `0.weight`, `0.bias`, `2.weight`, …
    """

    mean: torch.Tensor  # (1, 3, 1, 1)
    std: torch.Tensor  # (1, 3, 1, 1)

    def __init__(
        self,
        spec: EncoderSpec,
        weights: Mapping[str, torch.Tensor],
        *,
        sha256: str,
        pooling: Pooling = "max",
        padding: Padding = "replicate",
    ) -> None:
        super().__init__()
        self.spec = spec
        self.sha256 = sha256
        self.pooling: Pooling = pooling
        self.padding: Padding = padding
        self.layer_names = spec.layer_names
        for index, name in spec.plan.convolutions:
            for part in ("weight", "bias"):
                frozen = nn.Parameter(weights[f"{index}.{part}"], requires_grad=False)
                self.register_parameter(f"{name}_{part}", frozen)
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            buffer = torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, buffer, persistent=False)
        self.eval()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every layer in order, with its weights as they are now (after any `.to`)."""
        return tuple(self._step(name) for name in self.layer_names)

    def steps_to(self, layers: Iterable[str]) -> tuple[Step, ...]:
        """The steps up to the deepest of `layers`; raises `UsageError` for an unknown one."""
        wanted = tuple(layers)
        check_layers(wanted, self.layer_names)
        depth = max((self.layer_names.index(name) + 1 for name in wanted), default=0)
        return self.steps[:depth]

    def smallest_side(self, layers: Iterable[str]) -> int:
        """Pixels a picture's shorter side must have for every one of `layers` to exist."""
        return int(2 ** sum(step.kind == "pool" for step in self.steps_to(layers)))

    def normalize(self, image: torch.Tensor) -> torch.Tensor:
        """Normalize pixels (B, 3, H, W) in [0, 1] by the mean and deviation of the training set."""
        return (image - self.mean) / self.std

    def forward(self, image: torch.Tensor, layers: Iterable[str]) -> dict[str, torch.Tensor]:
        """Features of an image, (B, 3, H, W) in [0, 1], as {layer: (B, C, h, w)}.

        Stops at the deepest layer asked for. Raises `UsageError` for an unknown layer.
        """
        wanted = frozenset(layers)
        features: dict[str, torch.Tensor] = {}
        x = self.normalize(image)
        for step in self.steps_to(wanted):
            x = self._apply_step(step, x)
            if step.name in wanted:
                features[step.name] = x
        return features

    def _step(self, name: str) -> Step:
        if name.startswith("relu"):
            return Step("relu", name)
        if name.startswith("pool"):
            return Step("pool", name)
        weight = self.get_parameter(f"{name}_weight")
        return Step("conv", name, weight, self.get_parameter(f"{name}_bias"))

    def _apply_step(self, step: Step, x: torch.Tensor) -> torch.Tensor:
        if step.kind == "relu":
            return F.relu(x)
        if step.kind == "pool":
            return F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)
        assert step.weight is not None
        if step.name == self.layer_names[0] and self.padding == "replicate":
            return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), step.weight, step.bias)
        return F.conv2d(x, step.weight, step.bias, padding=1)
