"""What the picture should become at one scale: content features and Gram matrices."""

from collections.abc import Sequence
from typing import Final

import torch

from stylecli.encoder import Encoder
from stylecli.encoder.registry import content_layers, style_layers
from stylecli.errors import InputError
from stylecli.settings import LayerWeights, Settings
from stylecli.transfer import losses
from stylecli.transfer.objective import Objective, Octave, Target, Weights
from stylecli.transfer.resample import Size, fit, half, halve, resize
from stylecli.transfer.tiles import strides, tiles_of
from stylecli.transfer.trunk import Trunk

SMALLEST_OCTAVE: Final = 32  # pixels of the short side; relu5_1 has 2×2 positions there


class Targets:
    """Builds the objective of each scale; holds the encoder in the working precision."""

    def __init__(
        self, encoder: Encoder, settings: Settings, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        content, style = chosen_layers(encoder, settings)
        names = [name for name, _ in style]
        deep = [name for name, _ in content]
        self.style_trunk = Trunk(encoder, names, dtype=dtype, device=device)
        self.trunk = Trunk(encoder, [*names, *deep], dtype=dtype, device=device)
        self.weights = objective_weights(settings, content, style)
        self.octaves = settings.octaves
        self.size_needed = self.trunk.smallest_side

    def objective(
        self,
        content: torch.Tensor,
        styles: Sequence[torch.Tensor],
        size: Size,
        tile: int | None = None,
    ) -> Objective:
        """The objective at `size` for a content and style pictures, (1, 3, H, W) each.

        Raises `InputError` where a picture is too small for the deepest layer.
        """
        check_size(size, self.size_needed, "the picture at its smallest scale")
        reductions = self._reductions(size)
        names = [name for name, _ in self.weights.style]
        pyramids = [self._style_pyramid(style, reductions) for style in styles]
        octaves = []
        for reduced, level in zip(reductions, zip(*pyramids, strict=True), strict=True):
            grams = [tiled_grams(self.style_trunk, one, names, tile) for one in level]
            octaves.append(Octave(reduced, _blend(grams), 1.0 / len(reductions)))
        names = [name for name, _ in self.weights.content]
        features = tiled_features(self.trunk, resize(content, size), names, tile)
        wanted = {name: Target(f, losses.squared_norm(f)) for name, f in features.items()}
        return Objective(self.trunk, self.style_trunk, self.weights, wanted, octaves, tile)

    def _reductions(self, size: Size) -> list[Size]:
        sizes = [size]
        smallest = max(SMALLEST_OCTAVE, self.style_trunk.smallest_side)
        while len(sizes) < self.octaves and min(half(sizes[-1])) >= smallest:
            sizes.append(half(sizes[-1]))
        return sizes

    def _style_pyramid(self, style: torch.Tensor, sizes: Sequence[Size]) -> list[torch.Tensor]:
        """The style with the long side of each of `sizes`, reduced as the picture itself is."""
        pyramid = [resize(style, self._style_size(style, max(sizes[0])))]
        for size in sizes[1:]:
            reduced = halve(pyramid[-1])
            wanted = self._style_size(style, max(size))
            # A very long style has been raised to the least height the layers need.
            alike = min(reduced.shape[-2:]) >= self.style_trunk.smallest_side
            pyramid.append(reduced if alike else resize(style, wanted))
        return pyramid

    def _style_size(self, style: torch.Tensor, long_side: int) -> Size:
        size = fit((style.shape[-2], style.shape[-1]), long_side)
        floor = self.style_trunk.smallest_side
        return size if min(size) >= floor else fit(size, -(-max(size) * floor // min(size)))


@torch.no_grad()
def tiled_grams(
    trunk: Trunk, picture: torch.Tensor, names: Sequence[str], tile: int | None
) -> dict[str, torch.Tensor]:
    """Gram matrices of a picture (1, 3, H, W) by layer, one tile at a time."""
    stride = strides(trunk.steps)
    sums: dict[str, torch.Tensor] = {}
    for each in tiles_of((picture.shape[-2], picture.shape[-1]), tile, trunk.steps):
        features = trunk.forward(each.cut(picture), keep=False).features
        for name in names:
            own = losses.gram_sum(each.owned(features[name], stride[name]))
            sums[name] = sums[name] + own if name in sums else own
    return {name: total / _positions(picture, stride[name]) for name, total in sums.items()}


@torch.no_grad()
def tiled_features(
    trunk: Trunk, picture: torch.Tensor, names: Sequence[str], tile: int | None
) -> dict[str, torch.Tensor]:
    """Features of a picture (1, 3, H, W) by layer, one tile at a time, channels last."""
    stride = strides(trunk.steps)
    size = (picture.shape[-2], picture.shape[-1])
    whole: dict[str, torch.Tensor] = {}
    for each in tiles_of(size, tile, trunk.steps):
        features = trunk.forward(each.cut(picture), keep=False).features
        for name in names:
            owned = each.owned(features[name], stride[name])
            if name not in whole:
                shape = (1, owned.shape[1], size[0] // stride[name], size[1] // stride[name])
                whole[name] = torch.empty(shape, dtype=owned.dtype, device=owned.device).contiguous(
                    memory_format=torch.channels_last
                )
            each.of_whole(whole[name], stride[name]).copy_(owned)
    return whole


def _positions(picture: torch.Tensor, stride: int) -> int:
    return (picture.shape[-2] // stride) * (picture.shape[-1] // stride)


def chosen_layers(encoder: Encoder, settings: Settings) -> tuple[LayerWeights, LayerWeights]:
    """Content and style layers of a run; raises `UsageError` for a layer it does not have."""
    return (
        content_layers(encoder.spec, settings.content_layers),
        style_layers(encoder.spec, settings.style_layers),
    )


def objective_weights(settings: Settings, content: LayerWeights, style: LayerWeights) -> Weights:
    """The settings' weights with style layers made shares of 1."""
    alpha, beta = settings.loss_weights
    total = sum(weight for _, weight in style)
    shares = tuple((name, weight / total) for name, weight in style)
    return Weights(alpha, beta, settings.tv, settings.chroma_tv, content, shares, settings.losses)


def check_size(size: Size, needed: int, what: str) -> None:
    """Raises `InputError` when a side of `size` (height, width) is under `needed` pixels."""
    if min(size) < needed:
        raise InputError(
            f"{what} is {size[1]}x{size[0]} pixels, but the chosen layers need at least "
            f"{needed}x{needed}: use a larger picture or --size, or shallower layers."
        )


def _blend(grams: Sequence[dict[str, torch.Tensor]]) -> dict[str, Target]:
    """The mean of several styles' Gram matrices, layer by layer."""
    blended = {}
    for name in grams[0]:
        value = torch.stack([one[name] for one in grams]).mean(0)
        blended[name] = Target(value, losses.squared_norm(value))
    return blended
