"""Convolution kernels, fused with bias, ReLU or an addition, forward and backward.

On a CPU everything but a convolution is bound by memory, so a pass costs what it reads and
writes; on a GPU a small kernel costs its launch. Both are spared by the libraries' fused
convolutions where they are to be had.
"""

from typing import Final

import torch
from torch.nn import functional as F

from stylecli.bounded_cache import BoundedCache
from stylecli.encoder.fused import (
    convolution_addition,
    convolution_relu,
    fused_convolution,
    has_convolution_relu,
    has_fused_convolution,
    layout_of,
    pack_weight,
)
from stylecli.errors import is_out_of_memory

MAX_SHAPES: Final = 1024  # input shapes whose packed weight is cached


class PackedWeight:
    """A convolution's weight (C_out, C_in, 3, 3) as oneDNN reads it, for inputs of any size.

    The fastest layout for oneDNN depends on the size of its input, by thresholds of its own. A
    weight in another layout is right as well, but is rearranged in every call, by one thread:
    with 384 channels that took as long as the convolutions themselves. So a weight is packed for
    each size that occurs, in less than a millisecond, and sizes with one layout share one copy.
    With `transposed` it is the weight of the transposed convolution.
    """

    def __init__(
        self, weight: torch.Tensor, dtype: torch.dtype, *, transposed: bool = False
    ) -> None:
        self.weight = weight  # as loaded, shared: what is packed is made from it when it is needed
        self.dtype = dtype
        self.transposed = transposed
        self._of_shape: BoundedCache[torch.Size, torch.Tensor] = BoundedCache(MAX_SHAPES)
        self._of_layout: dict[bytes, torch.Tensor] = {}

    def for_input(self, x: torch.Tensor) -> torch.Tensor:
        """The weight packed for inputs of the shape of `x` (B, C_in, h, w)."""
        packed = self._of_shape.get(x.shape)
        if packed is None:
            weight = _transposed(self.weight) if self.transposed else self.weight
            packed = pack_weight(weight.to(self.dtype), x.shape)
            packed = self._of_layout.setdefault(layout_of(packed), packed)
            self._of_shape.put(x.shape, packed)
        return packed


class Convolution:
    """A 3×3 convolution and the transposed one, which is its vector-Jacobian product.

    `weight` is (C_out, C_in, 3, 3) and `bias` (C_out,), on the features' device; both are used
    in the features' precision, `dtype`.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> None:
        self.bias = bias.to(dtype)
        self.fused = has_fused_convolution(weight.device, dtype)
        if self.fused:
            self.packed = PackedWeight(weight, dtype)
            self.packed_flipped = PackedWeight(weight, dtype, transposed=True)
        else:
            self.weight, self.flipped = (
                kernel.to(dtype).contiguous(memory_format=torch.channels_last)
                for kernel in (weight, _transposed(weight))
            )
            self.ends_with_relu = has_convolution_relu(weight.device, dtype)

    def forward(self, x: torch.Tensor, *, relu: bool, padding: int = 1) -> torch.Tensor:
        """Features (B, C_out, h, w) of (B, C_in, h, w), cut off at 0 if `relu`."""
        if self.fused:
            weight = self.packed.for_input(x)
            return fused_convolution(x, weight, self.bias, padding, "relu" if relu else "none")
        if relu and self.ends_with_relu:
            try:
                return convolution_relu(x, self.weight, self.bias, padding)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                self.ends_with_relu = False  # not for this shape: seen before a graph is captured
        y = F.conv2d(x, self.weight, self.bias, padding=padding)
        return y.relu_() if relu else y

    def backward(
        self, g: torch.Tensor, add_to: torch.Tensor | None = None, *, padding: int = 1
    ) -> torch.Tensor:
        """The gradient at the input, (B, C_in, h, w), plus `add_to`, whose memory it may use."""
        if not self.fused:
            back = F.conv2d(g, self.flipped, padding=padding)
            return back if add_to is None else back.add_(add_to)
        flipped = self.packed_flipped.for_input(g)
        if add_to is None:
            return fused_convolution(g, flipped, None, padding, "none")
        return convolution_addition(add_to, g, flipped, padding)


def _transposed(weight: torch.Tensor) -> torch.Tensor:
    """The weight (C_in, C_out, 3, 3) of the convolution that carries gradients back."""
    return weight.flip(2, 3).transpose(0, 1)


class FirstConvolution:
    """The convolution of pixels: with replicate padding, and with more precision than bf16.

    A bf16 number has 8 binary digits, coarser than an 8-bit pixel around white. So each pixel is
    split into two that add up to it, with the same weights for both: 6 input channels, not 3.
    Measured at 256 px over 4 seeds: J at the end 0.597, without this 0.606, in float32 0.588.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype, *, replicate: bool
    ) -> None:
        self.replicate = replicate
        self.dtype = dtype
        self.split = dtype.itemsize < 4
        doubled = torch.cat([weight, weight], 1) if self.split else weight
        self.forward_conv = Convolution(doubled, bias, dtype)
        self.backward_conv = Convolution(weight, bias, dtype)

    def forward(self, pixels: torch.Tensor, *, relu: bool) -> torch.Tensor:
        """Features (B, C, H, W) of normalized pixels (B, 3, H, W) in float32 or wider."""
        if self.replicate:
            pixels = F.pad(pixels, (1, 1, 1, 1), mode="replicate")
        channels = 6 if self.split else 3
        x = torch.empty(
            (len(pixels), channels, *pixels.shape[2:]),
            dtype=self.dtype,
            device=pixels.device,
            memory_format=torch.channels_last,
        )
        x[:, :3].copy_(pixels)
        if self.split:
            torch.sub(pixels, x[:, :3], out=x[:, 3:])
        return self.forward_conv.forward(x, relu=relu, padding=0 if self.replicate else 1)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        """The gradient at the pixels, (B, 3, H, W)."""
        if not self.replicate:
            return self.backward_conv.backward(g)
        return _fold_edges(self.backward_conv.backward(g, padding=2))


def _fold_edges(g: torch.Tensor) -> torch.Tensor:
    """The transpose of replicate padding by 1: the border's gradient goes to the edge pixels."""
    for dim in (2, 3):
        all_before, last = (slice(None),) * dim, g.shape[dim] - 1
        if last == 2:  # one pixel, which is both edges
            g.narrow(dim, 1, 1).add_(g.narrow(dim, 0, 1)).add_(g.narrow(dim, 2, 1))
        else:  # both edges in one view
            edges = g[(*all_before, slice(1, last, last - 2))]
            edges.add_(g[(*all_before, slice(0, None, last))])
    return g[..., 1:-1, 1:-1]
