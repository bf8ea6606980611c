"""Style loss on Gram matrices, summed over tiles, and its gradient at the features."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import torch
from torch.nn import functional as F

from stylecli.encoder.vgg import Step
from stylecli.settings import LossKind
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.tiles import Tile, strides, tiles_of
from stylecli.transfer.objective.types import Octave, Region, Target
from stylecli.transfer.resample import Size, mirror

CHANNELS: Final = 256  # that are summed at a time where a matrix is applied to features
Key = tuple[int, str]  # a region and a layer
Features = Mapping[str, torch.Tensor]


class Constants(NamedTuple):
    """Constants of a style term, in the order of `keys`: what no iteration needs to compute again.

    Target Gram matrices (B, C, C), the positions they are means over, the scale (B,) of each
    squared difference in the loss, and the slope (B, 1, 1) of the weighted loss along it.
    """

    keys: list[Key]
    targets: list[torch.Tensor]
    positions: list[float]
    scales: list[torch.Tensor]
    slopes: list[torch.Tensor]


@dataclass(frozen=True)
class StyleTerm:
    """Gram-matrix style loss of one octave, for features that are computed tile by tile.

    `stride` are the pixels from one position to the next, by layer. `interiors` caches maps of
    the tiles' interiors.
    """

    octave: Octave
    kind: LossKind
    stride: Mapping[str, int]
    interiors: dict[tuple[Tile, str], torch.Tensor] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The layers that take part."""
        return [name for name, _ in self.octave.level.layers]

    def constants(self, beta: torch.Tensor) -> Constants:
        """Constants of the loss and of its gradient weighted with `beta` (B,)."""
        constants = Constants([], [], [], [], [])
        for index, region in enumerate(self.octave.regions):
            for name, weight in self.octave.level.layers:
                target = region.grams[name]
                positions = positions_of(region, name, self.octave.level.size, self.stride[name])
                share = weight * region.share * self.octave.weight
                scale = share * style_scale(self.kind, target)
                constants.keys.append((index, name))
                constants.targets.append(target.value)
                constants.positions.append(positions)
                constants.scales.append(scale)
                constants.slopes.append(((4.0 / positions) * beta * scale).view(-1, 1, 1))
        return constants

    def add_sums(self, sums: dict[Key, torch.Tensor], features: Features, tile: Tile) -> None:
        """Add the tile's share of every region's Gram matrices, (B, C, C), to `sums`."""
        for index, region in enumerate(self.octave.regions):
            for name, _ in self.octave.level.layers:
                gram = losses.gram_sum(self._guided(region, name, features, tile))
                key = index, name
                sums[key] = sums[key] + gram if key in sums else gram

    def value(
        self, sums: Mapping[Key, torch.Tensor], constants: Constants, dtype: torch.dtype
    ) -> tuple[torch.Tensor, dict[Key, torch.Tensor]]:
        """Style loss (B,) of this octave, weighted, and matrices K (B, C, C) of its gradient.

        K·F, with F the guided features, is the gradient of β times that share with respect to F;
        K is in `dtype`, the features' precision.
        """
        keys, targets, positions, scales, slopes = constants
        differences = torch._foreach_div([sums[key] for key in keys], positions)
        torch._foreach_sub_(differences, targets)
        norms = [losses.norm(difference) for difference in differences]
        shares = torch._foreach_mul(torch._foreach_mul(norms, norms), scales)
        factors = {}
        for key, difference, slope in zip(keys, differences, slopes, strict=True):
            factors[key] = torch.empty_like(difference, dtype=dtype)
            torch.mul(difference, slope, out=factors[key])  # in one kernel with the conversion
        return functools.reduce(torch.add, shares), factors

    def gradients(
        self, features: Features, tile: Tile, factors: Mapping[Key, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        """Functions by layer that compute the gradient at the tile's features, 0 in its halo.

        A gradient is as large as its layer, so it is computed when the backward pass needs it.
        """
        return {
            name: functools.partial(self._gradient, name, features[name], tile, factors)
            for name, _ in self.octave.level.layers
        }

    def _gradient(
        self, name: str, features: torch.Tensor, tile: Tile, factors: Mapping[Key, torch.Tensor]
    ) -> torch.Tensor:
        total: torch.Tensor | None = None
        for index, region in enumerate(self.octave.regions):
            guided = features
            if region.guides is not None:
                guide = tile.with_halo(region.guides[name], self.stride[name])
                guided = features * guide.to(features.dtype)
            gradient = multiply_channels(factors[index, name], guided)
            if region.guides is not None:
                gradient *= guide.to(gradient.dtype)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return self._clear_halo(total, name, tile)

    def _clear_halo(self, gradient: torch.Tensor, name: str, tile: Tile) -> torch.Tensor:
        """0 in the tile's halo, in place: edge by edge on a CPU, elsewhere in one kernel."""
        stride = self.stride[name]
        if not tile.has_halo or gradient.device.type == "cpu":
            return tile.clear_halo(gradient, stride)
        return gradient.mul_(self.interior(gradient, name, tile))

    def interior(self, like: torch.Tensor, name: str, tile: Tile) -> torch.Tensor:
        """1 in the tile's interior and 0 in its halo, (1, 1, h, w), kept: a CUDA graph reads it."""
        if (tile, name) not in self.interiors:
            ones = torch.ones_like(like[:1, :1])
            self.interiors[tile, name] = tile.clear_halo(ones, self.stride[name])
        return self.interiors[tile, name]

    def _guided(self, region: Region, name: str, features: Features, tile: Tile) -> torch.Tensor:
        owned = tile.owned(features[name], self.stride[name])
        if region.guides is None:
            return owned
        return owned * self._guide(region, name, tile, owned)

    def _guide(self, region: Region, name: str, tile: Tile, like: torch.Tensor) -> torch.Tensor:
        assert region.guides is not None
        return tile.interior(region.guides[name], self.stride[name]).to(like.dtype)


def positions_of(region: Region, name: str, size: Size, stride: int) -> float:
    """Number of positions that a region's Gram matrix is the mean over."""
    if region.positions is not None:
        return region.positions[name]
    return float((size[0] // stride) * (size[1] // stride))


def guides_of(
    mask: torch.Tensor, names: Sequence[str], steps: tuple[Step, ...], margin: int
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Guidance maps of a mask (1, 1, H, W) at the positions of each layer, and Σ of squares.

    The guides are of the mask continued by `margin`, the sums over the positions that count.
    """
    stride = strides(steps)
    (whole,) = tiles_of((mask.shape[-2], mask.shape[-1]), None, steps, margin)
    mask = mirror(mask, margin)
    guides, squares = {}, {}
    for name in names:
        guides[name] = F.avg_pool2d(mask, stride[name]) if stride[name] > 1 else mask
        counted = whole.interior(guides[name], stride[name])
        squares[name] = max(float(counted.square().sum()), 1e-3)
    return guides, squares


def style_scale(kind: LossKind, target: Target) -> torch.Tensor:
    """Scale (B,) of ‖Gram − target‖² in the style loss: see `losses` for either kind."""
    if kind == "relative":
        return 1.0 / target.squared_norm
    return torch.full_like(target.squared_norm, 1.0 / (4.0 * target.value.shape[-1] ** 2))


def multiply_channels(matrix: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Matrices (B, C, C) times features (B, C, h, w), in the features' precision and layout.

    Block by block of channels on a CPU, where libraries split longer sums among threads.
    """
    batch, channels, height, width = features.shape
    rows = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, C)
    columns = matrix.mT.to(features.dtype)
    length = CHANNELS if features.device.type == "cpu" else channels
    product = torch.bmm(rows[..., :length], columns[:, :length])
    for first in range(length, channels, length):
        block = slice(first, first + length)
        product.baddbmm_(rows[..., block], columns[:, block])
    return product.view(batch, height, width, channels).permute(0, 3, 1, 2)


def blend(grams: Sequence[Mapping[str, torch.Tensor]], weights: Sequence[float]) -> Features:
    """Weighted mean of several styles' Gram matrices, layer by layer; weights add up to 1."""
    return {
        name: sum((w * one[name] for one, w in zip(grams, weights, strict=True)), start=zero)
        for name, zero in ((name, torch.zeros_like(value)) for name, value in grams[0].items())
    }
