"""The encoder run forward and backward by hand, to the gradient of the pixels alone.

Autograd keeps every convolution's input and output, 8-byte pool indices, and prepares for
weight gradients that nobody wants. Here one activation per layer is kept, in the working
precision, ReLU overwrites its input, and the gradient of a convolution is a convolution with
the flipped kernel, which runs as fast as the forward one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from stylecli.encoder import Encoder, Step


@dataclass(frozen=True)
class Tape:
    """What a forward pass leaves for the backward pass.

    `features` are the layers asked for; `kept` holds, for each step, what its backward needs:
    a ReLU's output, a pool's input and indices.
    """

    features: dict[str, torch.Tensor]
    kept: list[tuple[torch.Tensor, ...]]


class Trunk:
    """An encoder cut off after the deepest of `layers`, in one precision and memory layout."""

    def __init__(
        self, encoder: Encoder, layers: Iterable[str], *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.layers = frozenset(layers)
        self.dtype = dtype
        self.device = device
        self.average = encoder.pooling == "average"
        self.replicate = encoder.padding == "replicate"
        self.format = torch.channels_last
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        self.mean = encoder.mean.to(device, wide)
        self.std = encoder.std.to(device, wide)
        self.steps = tuple(self._prepare(step) for step in encoder.steps_to(self.layers))
        self.flipped = tuple(self._flip(step) for step in self.steps)
        self.smallest_side = encoder.smallest_side(self.layers)

    def forward(self, image: torch.Tensor, *, keep: bool = True) -> Tape:
        """Features of an image (B, 3, H, W) in [0, 1], and what `backward` needs if `keep`."""
        x = ((image - self.mean) / self.std).to(self.dtype, memory_format=self.format)
        features: dict[str, torch.Tensor] = {}
        kept: list[tuple[torch.Tensor, ...]] = []
        for index, step in enumerate(self.steps):
            x, memory = self._forward_step(index, step, x)
            if keep:
                kept.append(memory)
            if step.name in self.layers:
                features[step.name] = x
        return Tape(features, kept)

    def backward(self, tape: Tape, gradients: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Σ over layers of (∂features/∂image)ᵀ · gradient: (B, 3, H, W) in float32 or wider."""
        g: torch.Tensor | None = None
        for index in range(len(self.steps) - 1, -1, -1):
            step = self.steps[index]
            if step.name in gradients:
                own = gradients[step.name]
                g = own if g is None else g + own
            if g is not None:
                g = self._backward_step(index, step, g, tape.kept[index])
        assert g is not None, "no gradient to propagate"
        return g.to(self.std.dtype).contiguous() / self.std

    def _prepare(self, step: Step) -> Step:
        if step.weight is None or step.bias is None:
            return step
        weight = step.weight.to(self.device, self.dtype, memory_format=self.format)
        return step._replace(weight=weight, bias=step.bias.to(self.device, self.dtype))

    def _flip(self, step: Step) -> torch.Tensor | None:
        if step.weight is None:
            return None
        return step.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=self.format)

    def _forward_step(
        self, index: int, step: Step, x: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        if step.kind == "conv":
            assert step.weight is not None
            if index == 0 and self.replicate:
                padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
                return F.conv2d(padded, step.weight, step.bias), ()
            return F.conv2d(x, step.weight, step.bias, padding=1), ()
        if step.kind == "relu":
            asked = self.steps[index - 1].name in self.layers  # then the input must survive
            y = x.relu() if asked else x.relu_()
            return y, (y,)
        if self.average:
            return F.avg_pool2d(x, 2), (x,)
        pooled, indices = torch.ops.aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
        return pooled, (x, indices)

    def _backward_step(
        self, index: int, step: Step, g: torch.Tensor, kept: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        if step.kind == "conv":
            kernel = self.flipped[index]
            assert kernel is not None
            if index == 0 and self.replicate:
                return _fold_edges(F.conv2d(g, kernel, padding=2))
            return F.conv2d(g, kernel, padding=1)
        back: torch.Tensor
        if step.kind == "relu":
            back = torch.ops.aten.threshold_backward(g, kept[0], 0)
        elif self.average:
            back = torch.ops.aten.avg_pool2d_backward(
                g, kept[0], [2, 2], [2, 2], [0, 0], False, True, None
            )
        else:
            back = torch.ops.aten.max_pool2d_with_indices_backward(
                g, kept[0], [2, 2], [2, 2], [0, 0], [1, 1], False, kept[1]
            )
        return back


def _fold_edges(g: torch.Tensor) -> torch.Tensor:
    """The transpose of replicate padding by 1: the border's gradient goes to the edge pixels."""
    g[..., 1, :] += g[..., 0, :]
    g[..., -2, :] += g[..., -1, :]
    g[..., 1] += g[..., 0]
    g[..., -2] += g[..., -1]
    return g[..., 1:-1, 1:-1]
