"""Fused convolution, ReLU and pooling kernels, forward and backward, in few passes over memory.

On a CPU everything but a convolution is bound by memory, so a pass costs what it reads and
writes. oneDNN computes a convolution, its bias, ReLU or an addition to what is there in one
pass; max pooling is two passes over rows and columns, and its backward needs one difference for
each, not an 8-byte index and a scatter.
"""

from typing import Final, NamedTuple

import torch
from torch.nn import functional as F

from stylecli.bounded_cache import BoundedCache

MAX_SHAPES: Final = 1024  # input shapes whose packed weight is cached
_ONE_PIXEL: Final = [1, 1]
_ALIGNMENT: Final = slice(108, 112)  # after ndims, 12 dims and the data type


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
            packed = _pack(weight.to(self.dtype), x.shape)
            packed = self._of_layout.setdefault(_layout_of(packed), packed)
            self._of_shape.put(x.shape, packed)
        return packed


class Convolution:
    """A 3×3 convolution and the transposed one, which is its vector-Jacobian product.

    `weight` is (C_out, C_in, 3, 3) and `bias` (C_out,), on the features' device; both are used
    in the features' precision, `dtype`.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> None:
        self.bias = bias.to(dtype)
        self.fused = _has_fused_convolution(weight.device, dtype)
        if self.fused:
            self.packed = PackedWeight(weight, dtype)
            self.packed_flipped = PackedWeight(weight, dtype, transposed=True)
        else:
            self.weight, self.flipped = (
                kernel.to(dtype).contiguous(memory_format=torch.channels_last)
                for kernel in (weight, _transposed(weight))
            )

    def forward(self, x: torch.Tensor, *, relu: bool, padding: int = 1) -> torch.Tensor:
        """Features (B, C_out, h, w) of (B, C_in, h, w), cut off at 0 if `relu`."""
        if self.fused:
            weight = self.packed.for_input(x)
            return _fused(x, weight, self.bias, padding, "relu" if relu else "none")
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
            return _fused(g, flipped, None, padding, "none")
        return _fused_addition(add_to, g, flipped, padding)


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
        x = pixels.to(self.dtype)
        if self.split:
            x = torch.cat([x, (pixels - x).to(self.dtype)], 1)
        if self.replicate:
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        x = x.contiguous(memory_format=torch.channels_last)
        return self.forward_conv.forward(x, relu=relu, padding=0 if self.replicate else 1)

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        """The gradient at the pixels, (B, 3, H, W)."""
        if not self.replicate:
            return self.backward_conv.backward(g)
        return _fold_edges(self.backward_conv.backward(g, padding=2))


class Selection(NamedTuple):
    """Argmax of a 2×2 max pooling, as signs of differences, and the maximum.

    `rows` (B, h, W, C) is above 0 where the upper pixel won, `columns` (B, h, w, C) where the
    left one of the winners did; `pooled` is the maximum, (B, C, h, w).
    """

    rows: torch.Tensor
    columns: torch.Tensor
    pooled: torch.Tensor


def max_pool(x: torch.Tensor, *, keep: bool) -> tuple[torch.Tensor, Selection | None]:
    """Max pooling over 2×2 pixels of (B, C, H, W), an odd last row or column left out.

    With `keep` also what `max_pool_backward` needs. Of equal pixels the last one wins.
    """
    last = x.permute(0, 2, 3, 1)  # (B, H, W, C), a view where channels are last in memory
    upper, lower = _pairs(last, 1)
    rows = torch.maximum(upper, lower)
    left, right = _pairs(rows, 2)
    columns = torch.maximum(left, right)
    pooled = columns.permute(0, 3, 1, 2)
    if not keep:
        return pooled, None
    return pooled, Selection(upper - lower, left - right, pooled)


def max_pool_backward(g: torch.Tensor, chosen: Selection, height: int) -> torch.Tensor:
    """The gradient (B, C, height, W) before a ReLU and a `max_pool`, from that of their result.

    Where the maximum is 0 the ReLU's derivative is 0, and so is the gradient.
    """
    g = relu_backward(g, chosen.pooled).permute(0, 2, 3, 1)  # (B, h, w, C)
    batch, h, width, channels = chosen.rows.shape
    wide = g.new_empty(batch, h, width, channels)
    _route_gradient_to_argmax(g, chosen.columns, *_pairs(wide, 2))
    wide[:, :, 2 * (width // 2) :] = 0
    full = g.new_empty(batch, height, width, channels)
    _route_gradient_to_argmax(wide, chosen.rows, *_pairs(full, 1))
    full[:, 2 * h :] = 0
    return full.permute(0, 3, 1, 2)


def relu_backward(g: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The gradient at a ReLU's input from that at its result `y`."""
    back: torch.Tensor = torch.ops.aten.threshold_backward(g, y, 0)
    return back


def average_pool_backward(g: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The gradient at the input `x` of average pooling over 2×2 pixels."""
    back: torch.Tensor = torch.ops.aten.avg_pool2d_backward(
        g, x, [2, 2], [2, 2], [0, 0], False, True, None
    )
    return back


def _pairs(x: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The even and the odd places along `dim`, as views; an odd last one is left out."""
    n = x.shape[dim] // 2 * 2
    whole = x.narrow(dim, 0, n)
    first, second = (slice(None),) * dim, slice(None, None, 2)
    return whole[(*first, second)], whole[(*first, slice(1, None, 2))]


def _route_gradient_to_argmax(
    g: torch.Tensor, chosen: torch.Tensor, first: torch.Tensor, second: torch.Tensor
) -> None:
    """Write `g` to `first` where `chosen` is above 0, and to `second` elsewhere."""
    torch.ops.aten.threshold_backward.grad_input(g, chosen, 0, grad_input=first)
    torch.sub(g, first, out=second)


def _fold_edges(g: torch.Tensor) -> torch.Tensor:
    """The transpose of replicate padding by 1: the border's gradient goes to the edge pixels."""
    g[..., 1, :] += g[..., 0, :]
    g[..., -2, :] += g[..., -1, :]
    g[..., 1] += g[..., 0]
    g[..., -2] += g[..., -1]
    return g[..., 1:-1, 1:-1]


# oneDNN's fused convolutions, the operators that torch.compile itself emits on a CPU.


def _has_fused_convolution(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build and this processor have them for the precision: tried, not guessed."""
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return False
    try:
        x = torch.zeros(1, 2, 4, 4, dtype=dtype)
        weight = _pack(torch.zeros(2, 2, 3, 3, dtype=dtype), x.shape)
        _fused_addition(_fused(x, weight, None, 1, "relu"), x, weight, 1)
    except (AttributeError, RuntimeError):
        return False
    return True


def _pack(weight: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """A weight in the layout for inputs of a shape (B, C_in, h, w)."""
    packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        weight.contiguous(memory_format=torch.channels_last),
        _ONE_PIXEL,
        _ONE_PIXEL,
        _ONE_PIXEL,
        1,
        list(shape),
    )
    return packed


def _layout_of(packed: torch.Tensor) -> bytes:
    """The layout of a packed weight: equal for equal ones; if in doubt, one of its own.

    From oneDNN's memory descriptor, less four bytes that align it and are not initialized.
    """
    try:
        descriptor = bytes(torch.ops.mkldnn._get_mkldnn_serialized_md(packed).tolist())
    except (AttributeError, RuntimeError):
        return f"{id(packed)}".encode()
    return descriptor[: _ALIGNMENT.start] + descriptor[_ALIGNMENT.stop :]


def _fused(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int, end: str
) -> torch.Tensor:
    """A convolution that ends with a ReLU, or with nothing."""
    y: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, [padding] * 2, _ONE_PIXEL, _ONE_PIXEL, 1, end, [], None
    )
    return y


def _fused_addition(
    total: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, padding: int
) -> torch.Tensor:
    """A convolution added to `total` in place."""
    y: torch.Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
        total, x, weight, None, [padding] * 2, _ONE_PIXEL, _ONE_PIXEL, 1, "add", 1.0, None, [], None
    )
    return y
