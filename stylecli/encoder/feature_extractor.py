"""Feature extractor: a truncated VGG with a hand-written backward pass to the pixels alone.

Autograd keeps every convolution's input and output, 8-byte pool indices, and prepares for
weight gradients that are not needed. Here a convolution and its ReLU are one step, one activation
is kept for each, in the working precision, none for a ReLU before a pooling, and the gradient
of a convolution is a convolution with the flipped kernel, as fast as the forward one.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch.nn import functional as F

from stylecli.encoder.kernels import Convolution, FirstConvolution
from stylecli.encoder.pooling import (
    Indices,
    Selection,
    average_pool_backward,
    max_pool,
    max_pool_backward,
    relu_backward,
)
from stylecli.encoder.vgg import Encoder, Step

MakeGradient = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Tape:
    """Features and saved activations of a forward pass, which `backward` uses up.

    `features` are the layers asked for; `kept` holds, for each step, what its backward needs:
    a ReLU's output, a pooling's selection or input, `None` where nothing is needed.
    """

    features: dict[str, torch.Tensor]
    kept: list[torch.Tensor | Selection | Indices | None]
    heights: list[int]  # of each step's input: a pooling may leave a row out


class FeatureExtractor:
    """Truncated VGG: an encoder up to the deepest of `layers`, in one precision and memory layout.

    `targets` are those of them whose features a target holds in full: they count in a plan.
    """

    def __init__(
        self,
        encoder: Encoder,
        layers: Iterable[str],
        *,
        dtype: torch.dtype,
        device: torch.device,
        targets: Iterable[str] = (),
    ) -> None:
        self.layers = frozenset(layers)
        self.targets = frozenset(targets)
        self.dtype = dtype
        self.device = device
        self.average = encoder.pooling == "average"
        self.replicate = encoder.padding == "replicate"
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        self.mean = encoder.mean.to(device, wide)
        self.std = encoder.std.to(device, wide)
        self.steps = encoder.steps_to(self.layers)
        first, *others = [index for index, step in enumerate(self.steps) if step.kind == "conv"]
        self.first = FirstConvolution(*self._weights(first), dtype, replicate=self.replicate)
        self.convolutions = {index: Convolution(*self._weights(index), dtype) for index in others}
        self.smallest_side = encoder.smallest_side(self.layers)

    def truncated(self, encoder: Encoder, layers: Iterable[str]) -> Self:
        """A feature extractor for some of the layers: stops sooner, and shares the weights."""
        other = copy.copy(self)
        other.layers, other.targets = frozenset(layers), frozenset()
        other.steps = encoder.steps_to(other.layers)
        other.smallest_side = encoder.smallest_side(other.layers)
        return other

    def forward(
        self, image: torch.Tensor, *, keep: bool = True, layers: Iterable[str] | None = None
    ) -> Tape:
        """Features of an image (B, 3, H, W) in [0, 1], and what `backward` needs if `keep`.

        Stops at the deepest of `layers` where fewer than its own are needed.
        """
        left = set(self.layers if layers is None else layers)
        x = (image - self.mean) / self.std
        tape = Tape({}, [], [])
        for index, step in enumerate(self.steps):
            tape.heights.append(x.shape[-2])
            x, memory = self._forward_step(index, step, x, keep=keep)
            tape.kept.append(memory if keep else None)
            if step.name in self.layers:
                tape.features[step.name] = x
            left.discard(step.name)
            if not left:
                break
        return tape

    def backward(self, tape: Tape, gradients: Mapping[str, MakeGradient]) -> torch.Tensor:
        """Vector-Jacobian product Σ (∂features/∂image)ᵀ · gradient over layers, (B, 3, H, W).

        In float32 or wider. Gradients are made when their layer is reached, and their memory is
        written to. The tape is emptied on the way: each layer's memory serves the ones before it.
        """
        left = dict(gradients)
        g: torch.Tensor | None = None
        for index in range(len(tape.kept) - 1, -1, -1):
            make = left.pop(self.steps[index].name, None)
            if make is not None:
                g = make() if g is None else g.add_(make())
            del make
            if g is not None:
                g = self._backward_step(index, g, tape, left)
            tape.kept[index] = None
            tape.features.pop(self.steps[index].name, None)
        assert g is not None, "no gradient to propagate"
        pixels = torch.empty(g.shape, dtype=self.std.dtype, device=g.device)
        return torch.div(g, self.std, out=pixels)  # with the conversion of precision and layout

    def _weights(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self.steps[index].weight, self.steps[index].bias
        assert weight is not None and bias is not None
        return weight.to(self.device), bias.to(self.device)

    def _forward_step(
        self, index: int, step: Step, x: torch.Tensor, *, keep: bool
    ) -> tuple[torch.Tensor, torch.Tensor | Selection | Indices | None]:
        if step.kind == "conv":
            convolution = self.convolutions[index] if index else self.first
            return convolution.forward(x, relu=self._ends_with_relu(index)), None
        if step.kind == "relu":
            y = x if self._ends_with_relu(index - 1) else x.relu()
            return y, None if self._pool_masks(index) else y
        if self.average:
            return F.avg_pool2d(x, 2), x
        return max_pool(x, keep=keep)

    def _backward_step(
        self, index: int, g: torch.Tensor, tape: Tape, left: dict[str, MakeGradient]
    ) -> torch.Tensor:
        if index == 0:
            return self.first.backward(g)
        if index in self.convolutions:
            below = left.pop(self.steps[index - 1].name, None)
            return self.convolutions[index].backward(g, None if below is None else below())
        kept = tape.kept[index]
        if isinstance(kept, Selection | Indices):
            return max_pool_backward(g, kept, tape.heights[index])
        if kept is None:
            return g
        return relu_backward(g, kept) if self._is_relu(index) else average_pool_backward(g, kept)

    def _ends_with_relu(self, index: int) -> bool:
        """Whether a convolution and its ReLU are fused: not where the former is a layer itself."""
        return self._is_relu(index + 1) and self.steps[index].name not in self.layers

    def _pool_masks(self, index: int) -> bool:
        """Whether the next pooling's backward is the ReLU's as well, at a quarter of the work."""
        following = self.steps[index + 1 : index + 2]
        pools = bool(following) and following[0].kind == "pool" and not self.average
        return pools and self.steps[index].name not in self.layers

    def _is_relu(self, index: int) -> bool:
        return index < len(self.steps) and self.steps[index].kind == "relu"
