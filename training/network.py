"""VGG with features after every ReLU, and the student: such a network with linear embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from stylecli.encoder.vgg import Encoder
from stylecli.errors import UsageError


@dataclass(frozen=True)
class LayerPlan:
    """Convolution, ReLU and pooling layers, one entry for each convolution.

    `indices` are positions in torchvision's `vgg.features`, `relus` the names of the ReLUs,
    `pooled` says whether a 2×2 max pooling follows.
    """

    indices: tuple[int, ...]
    relus: tuple[str, ...]
    pooled: tuple[bool, ...]


class Network(nn.Module):
    """VGG from the pixels to its last ReLU: 3×3 convolutions, ReLU, 2×2 max pooling.

    The first convolution pads by replication, the others with zeros. `mean` and `std`,
    (1, 3, 1, 1), normalize its input.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, plan: LayerPlan, widths: Sequence[int], mean: torch.Tensor, std: torch.Tensor
    ) -> None:
        super().__init__()
        self.plan = plan
        self.widths = tuple(widths)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1)
            for inputs, outputs in zip((3, *widths[:-1]), widths, strict=True)
        )
        self.register_buffer("mean", mean.clone(), persistent=False)
        self.register_buffer("std", std.clone(), persistent=False)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Features after every ReLU, (B, C, h, w), of an image (B, 3, H, W) in [0, 1]."""
        features = []
        x = F.pad((image - self.mean) / self.std, (1, 1, 1, 1), mode="replicate")
        for index, pooled in enumerate(self.plan.pooled):
            weight, bias = self.convolution(index)
            x = F.relu(F.conv2d(x, weight, bias, padding=0 if index == 0 else 1))
            features.append(x)
            if pooled:
                x = F.max_pool2d(x, 2)
        return features

    def convolution(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (C_out, C_in, 3, 3) and bias (C_out,) of a convolution, counted from 0."""
        layer = self.convolutions[index]
        return layer.get_parameter("weight"), layer.get_parameter("bias")

    @torch.no_grad()
    def set_convolution(self, index: int, weight: torch.Tensor, bias: torch.Tensor) -> None:
        """Overwrite a convolution's weight and bias."""
        for parameter, value in zip(self.convolution(index), (weight, bias), strict=True):
            parameter.copy_(value)


class Student(nn.Module):
    """Narrow network, and for each ReLU a 1×1 convolution to the teacher's channels.

    These linear embeddings serve the training alone; an exported file has the network.
    """

    def __init__(self, teacher: Network, widths: Sequence[int]) -> None:
        super().__init__()
        self.network = Network(teacher.plan, widths, teacher.mean, teacher.std)
        self.embeddings = nn.ModuleList(
            nn.Conv2d(width, outputs, 1)
            for width, outputs in zip(widths, teacher.widths, strict=True)
        )

    def forward(self, image: torch.Tensor, first: int = 0) -> list[torch.Tensor]:
        """The teacher's features as the student has them, (B, C_teacher, h, w), from `first` on."""
        features = self.network(image)
        return [self.embeddings[index](features[index]) for index in range(first, len(features))]

    def embedding(self, index: int) -> torch.Tensor:
        """The linear map of a layer, (C_teacher, C + 1), its last column the constant."""
        layer = self.embeddings[index]
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        return torch.cat([weight[:, :, 0, 0], bias[:, None]], 1).detach()

    @torch.no_grad()
    def set_embedding(self, index: int, matrix: torch.Tensor) -> None:
        """Overwrite the linear map of a layer, (C_teacher, C + 1)."""
        layer = self.embeddings[index]
        layer.get_parameter("weight").copy_(matrix[:, :-1, None, None])
        layer.get_parameter("bias").copy_(matrix[:, -1])


def make_teacher(encoder: Encoder, last: str) -> Network:
    """The frozen teacher: an encoder's layers up to the ReLU `last`; raises `UsageError`."""
    steps = encoder.steps
    names = [step.name for step in steps]
    if last not in names:
        raise UsageError(f"the teacher has no layer {last}: it ends at {names[-1]}.")
    indices = [i for i in range(names.index(last)) if steps[i].kind == "conv"]
    plan = LayerPlan(
        tuple(indices),
        tuple(names[i + 1] for i in indices),
        tuple(names[i + 1] != last and steps[i + 2].kind == "pool" for i in indices),
    )
    parts = [(steps[i].weight, steps[i].bias) for i in indices]
    widths = [len(bias) for _, bias in parts if bias is not None]
    teacher = Network(plan, widths, encoder.mean, encoder.std)
    for index, (weight, bias) in enumerate(parts):
        assert weight is not None and bias is not None
        teacher.set_convolution(index, weight, bias)
    return teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)
