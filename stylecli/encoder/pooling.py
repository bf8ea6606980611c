"""Max and average pooling, forward and backward, and the ReLU's backward.

On a CPU, bound by memory, max pooling is two passes over rows and columns, and its backward needs
one difference for each, not an 8-byte index and a scatter. On a GPU, bound by launches where
pictures are small, the library's own is one kernel forward and one backward.
"""

from typing import NamedTuple

import torch


class Indices(NamedTuple):
    """Argmax of a 2×2 max pooling as indices, int64, and the maximum, (B, C, h, w) both."""

    indices: torch.Tensor
    pooled: torch.Tensor
    width: int  # of the input


class Selection(NamedTuple):
    """Argmax of a 2×2 max pooling, as signs of differences, and the maximum.

    `rows` (B, h, W, C) is above 0 where the upper pixel won, `columns` (B, h, w, C) where the
    left one of the winners did; `pooled` is the maximum, (B, C, h, w).
    """

    rows: torch.Tensor
    columns: torch.Tensor
    pooled: torch.Tensor


def max_pool(x: torch.Tensor, *, keep: bool) -> tuple[torch.Tensor, Selection | Indices | None]:
    """Max pooling over 2×2 pixels of (B, C, H, W), an odd last row or column left out.

    With `keep` also what `max_pool_backward` needs. Of equal pixels the last one wins on the CPU,
    the library's choice elsewhere.
    """
    if x.device.type == "cpu":
        return _max_pool_by_differences(x, keep=keep)
    return max_pool_by_indices(x)


def max_pool_backward(g: torch.Tensor, chosen: Selection | Indices, height: int) -> torch.Tensor:
    """The gradient (B, C, height, W) before a ReLU and a `max_pool`, from that of their result.

    Where the maximum is 0 the ReLU's derivative is 0, and so is the gradient.
    """
    g = relu_backward(g, chosen.pooled)
    if isinstance(chosen, Selection):
        return _differences_backward(g, chosen, height)
    return indices_backward(g, chosen, height)


def max_pool_by_indices(x: torch.Tensor) -> tuple[torch.Tensor, Indices]:
    """`max_pool` by the library: one kernel."""
    pooled, indices = torch.ops.aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
    return pooled, Indices(indices, pooled, x.shape[-1])


def indices_backward(g: torch.Tensor, chosen: Indices, height: int) -> torch.Tensor:
    """The gradient (B, C, height, W) at the input of `max_pool_by_indices`.

    Deterministic: windows that do not overlap send at most one value to each pixel.
    """
    # Asked for its shape and layout alone, so the input itself need not be kept.
    like = torch.empty(
        (*g.shape[:2], height, chosen.width),
        dtype=g.dtype,
        device=g.device,
        memory_format=torch.channels_last,
    )
    back: torch.Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
        g, like, [2, 2], [2, 2], [0, 0], [1, 1], False, chosen.indices
    )
    return back


def _max_pool_by_differences(
    x: torch.Tensor, *, keep: bool
) -> tuple[torch.Tensor, Selection | None]:
    last = x.permute(0, 2, 3, 1)  # (B, H, W, C), a view where channels are last in memory
    upper, lower = _pairs(last, 1)
    rows = torch.maximum(upper, lower)
    left, right = _pairs(rows, 2)
    columns = torch.maximum(left, right)
    pooled = columns.permute(0, 3, 1, 2)
    if not keep:
        return pooled, None
    return pooled, Selection(upper - lower, left - right, pooled)


def _differences_backward(g: torch.Tensor, chosen: Selection, height: int) -> torch.Tensor:
    g = g.permute(0, 2, 3, 1)  # (B, h, w, C)
    batch, h, width, channels = chosen.rows.shape
    wide = g.new_empty(batch, h, width, channels)
    _route_gradient_to_argmax(g, chosen.columns, *_pairs(wide, 2))
    if width % 2:
        wide[:, :, -1] = 0
    full = g.new_empty(batch, height, width, channels)
    _route_gradient_to_argmax(wide, chosen.rows, *_pairs(full, 1))
    if height % 2:
        full[:, -1] = 0
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
