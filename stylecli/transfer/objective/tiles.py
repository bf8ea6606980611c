"""Tiles with halos for pictures larger than memory, whose gradients add up to the exact one.

The objective depends on features only through sums over positions (Gram matrices, squared
differences). So sum over tiles first, then back-propagate tile by tile (Galerne et al. 2024,
arXiv 2212.13459, publish the same two passes). Each tile has an interior, its part of the
picture, and a halo around it that covers the receptive field of every position of the interior;
both are aligned to the pooling grid. The result is that of one pass, up to rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch

from stylecli.encoder.vgg import Step
from stylecli.messages import ignore
from stylecli.transfer.resample import Size


class Span(NamedTuple):
    """A tile along one axis, in pixels: it reads [start, stop) and owns [own_start, own_stop)."""

    start: int
    stop: int
    own_start: int
    own_stop: int
    last: bool


class StyleTiling(NamedTuple):
    """Tile side for the Gram matrices of styles, which add over tiles; `None` is one for all.

    `on_pixels` is called with the pixels of each tile that is done.
    """

    tile: int | None = None
    on_pixels: Callable[[int], None] = ignore


@dataclass(frozen=True)
class Tile:
    """A tile: its spans down and across."""

    down: Span
    across: Span

    @property
    def pixels(self) -> int:
        """Pixels of the interior."""
        down, across = self.down, self.across
        return (down.own_stop - down.own_start) * (across.own_stop - across.own_start)

    @property
    def has_halo(self) -> bool:
        """Whether it reads pixels that it does not own."""
        return any(
            (span.start, span.stop) != (span.own_start, span.own_stop)
            for span in (self.down, self.across)
        )

    def cut(self, picture: torch.Tensor) -> torch.Tensor:
        """Crop of a picture (…, H, W), halo included: a view."""
        return picture[..., self.down.start : self.down.stop, self.across.start : self.across.stop]

    def owned(self, features: torch.Tensor, stride: int) -> torch.Tensor:
        """Interior of the tile's features (…, h, w) at `stride` pixels a position: a view."""
        rows, columns = (_owned(span, stride) for span in (self.down, self.across))
        return features[..., rows, columns]

    def clear_halo(self, features: torch.Tensor, stride: int) -> torch.Tensor:
        """Set the halo of the tile's features (…, h, w) to 0, in place."""
        for dim, span in ((-2, self.down), (-1, self.across)):
            inside = _owned(span, stride)
            stop = features.shape[dim] if inside.stop is None else inside.stop
            for start, end in ((0, inside.start), (stop, features.shape[dim])):
                if start < end:
                    features.narrow(dim, start, end - start).zero_()
        return features

    def with_halo(self, features: torch.Tensor, stride: int) -> torch.Tensor:
        """Positions of the tile with its halo, out of features of the whole picture: a view."""
        rows, columns = (
            slice(span.start // stride, span.stop // stride) for span in (self.down, self.across)
        )
        return features[..., rows, columns]

    def interior(self, features: torch.Tensor, stride: int) -> torch.Tensor:
        """Positions of the tile's interior, out of features of the whole picture: a view."""
        rows, columns = (_interior(span, stride) for span in (self.down, self.across))
        return features[..., rows, columns]


def tiles_of(
    size: Size, tile: int | None, steps: tuple[Step, ...], margin: int = 0
) -> tuple[Tile, ...]:
    """Tiles of a picture, interiors of at most `tile` pixels a side; `None` is one for all.

    With a `margin` they are those of the picture continued by so many pixels, a multiple of
    `grid`, on all sides: pixels of halos and of no interior.
    """
    cell, reach = grid(steps), halo(steps)
    down, across = (_spans(side, tile, cell, reach, margin) for side in size)
    return tuple(Tile(row, column) for row in down for column in across)


def grid(steps: tuple[Step, ...]) -> int:
    """Pooling grid: the stride in pixels of the deepest layer, to which tiles are aligned."""
    return int(2 ** sum(step.kind == "pool" for step in steps))


def halo(steps: tuple[Step, ...]) -> int:
    """Receptive field at the end of `steps` beyond a position's cell, in pixels, on the grid."""
    reach, stride = 0, 1
    for step in steps:
        if step.kind == "conv":
            reach += stride
        elif step.kind == "pool":
            stride *= 2
    return -(-reach // stride) * stride


def strides(steps: tuple[Step, ...]) -> dict[str, int]:
    """Stride by layer name: pixels from one position to the next."""
    by_name, stride = {}, 1
    for step in steps:
        stride *= 2 if step.kind == "pool" else 1
        by_name[step.name] = stride
    return by_name


def _spans(side: int, tile: int | None, cell: int, reach: int, margin: int) -> tuple[Span, ...]:
    """Spans of nearly equal length; the last one takes what the grid leaves over."""
    whole = side + 2 * margin
    if tile is None or side <= tile:
        return (Span(0, whole, margin, margin + side, not margin),)
    count = -(-side // tile)
    step = -(-side // (count * cell)) * cell
    starts = [start for start in range(0, side, step) if start == 0 or side - start >= cell]
    edges = [margin + edge for edge in (*starts, side)]
    return tuple(
        Span(max(0, a - reach), min(whole, b + reach), a, b, b == whole) for a, b in pairwise(edges)
    )


def _owned(span: Span, stride: int) -> slice:
    first = (span.own_start - span.start) // stride
    return slice(first, None if span.last else (span.own_stop - span.start) // stride)


def _interior(span: Span, stride: int) -> slice:
    return slice(span.own_start // stride, None if span.last else span.own_stop // stride)
