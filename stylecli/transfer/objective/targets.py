"""Targets of the objective at one scale: content features and Gram matrices."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from stylecli.bounded_cache import BoundedCache
from stylecli.encoder import Encoder
from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.registry import coarse_content_layers, content_layers, style_layers
from stylecli.errors import InputError
from stylecli.settings import Settings
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.objective.gram_loss import (
    Features,
    Key,
    StyleTerm,
    blend,
    guides_of,
    positions_of,
)
from stylecli.transfer.objective.objective import Objective
from stylecli.transfer.objective.octaves import Level, level_at, levels, octave_weights
from stylecli.transfer.objective.tiles import strides, tiles_of
from stylecli.transfer.objective.types import Octave, Region, Target, target_of
from stylecli.transfer.request import Part, Source, Subject, Weights
from stylecli.transfer.resample import Size, fit, halve, mirror, resize, resize_mask

REMEMBERED: Final = 64  # styles, at a size each, whose Gram matrices are kept: about 2 MB each


@dataclass(frozen=True)
class _CachedGrams:
    """Gram matrices of a style at each size, and the tensors that it was made from.

    The pictures are not kept alive, which are some 100 times larger; so one that has taken the
    id of another is told apart here.
    """

    given: tuple[weakref.ref[torch.Tensor], ...]
    grams: list[Features]

    def belong_to(self, source: Source) -> bool:
        return all(ref() is one for ref, one in zip(self.given, source.given, strict=True))


class Targets:
    """Content features and Gram matrices of each scale, and the feature extractors for them.

    Gram matrices of a style are cached, so that many pictures in one style share them.
    """

    def __init__(
        self, encoder: Encoder, settings: Settings, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.weights = weights_of(encoder, settings)
        names = [name for name, _ in self.weights.style]
        deep = [name for name, _ in (*self.weights.content, *(self.weights.coarse_content or ()))]
        self.extractor = FeatureExtractor(
            encoder, [*names, *deep], dtype=dtype, device=device, targets=deep
        )
        self.style_extractor = self.extractor.truncated(encoder, names)
        self.octaves = settings.octaves
        self.size_needed = self.extractor.smallest_side
        self._cache: BoundedCache[tuple[object, ...], _CachedGrams] = BoundedCache(REMEMBERED)

    def objective(
        self, subjects: Sequence[Subject], size: Size, tile: int | None = None
    ) -> Objective:
        """The objective at `size` of pictures that are made together.

        Several subjects have the same number of parts, and no masks. Raises `InputError` where
        a picture is too small for the deepest layer.
        """
        sources = (one for subject in subjects for part in subject.parts for one in part.sources)
        octaves = levels(
            size,
            self.octaves,
            self.weights.style,
            self.style_extractor.steps,
            kind=self.weights.kind,
            least_scale=min(source.scale for source in sources),
        )
        return self._objective(subjects, octaves, tile, self.weights.content_at(size))

    def one_octave(self, subject: Subject, size: Size, tile: int | None, index: int) -> Objective:
        """The relative losses at `size` alone, to measure a picture as the octave of that index."""
        level = level_at(size, index, self.weights.style, self.style_extractor.steps, "relative")
        return self._objective([subject], [level], tile, self.weights.content)

    def _objective(
        self,
        subjects: Sequence[Subject],
        sizes: Sequence[Level],
        tile: int | None,
        layers: LayerWeights,
    ) -> Objective:
        check_smallest_size(sizes[0].size, self.size_needed, "the picture at its smallest scale")
        content = self._content(subjects, sizes[0].size, tile, layers)
        regions = [
            self._regions([subject.parts[index] for subject in subjects], sizes, tile)
            for index in range(len(subjects[0].parts))
        ]
        octaves = [
            Octave(level, tuple(part[index] for part in regions), weight)
            for index, (level, weight) in enumerate(
                zip(sizes, octave_weights(len(sizes)), strict=True)
            )
        ]
        weights = [replace(subject.weights, content=layers) for subject in subjects]
        return Objective(self.extractor, self.style_extractor, weights, content, octaves, tile)

    def _content(
        self, subjects: Sequence[Subject], size: Size, tile: int | None, layers: LayerWeights
    ) -> dict[str, Target]:
        names = [name for name, _ in layers]
        pictures = torch.cat([resize(subject.content, size) for subject in subjects])
        features = tiled_features(self.extractor, pictures, names, tile)
        return {name: target_of(value) for name, value in features.items()}

    def _regions(
        self, parts: Sequence[Part], sizes: Sequence[Level], tile: int | None
    ) -> list[Region]:
        """The same part of every subject as one region, at each level."""
        blended = [self._blended(part, sizes, tile) for part in parts]
        grams = [
            {name: target_of(torch.cat([one[level][name] for one in blended])) for name in names}
            for level, names in enumerate(blended[0])
        ]
        mask = parts[0].mask
        if mask is None:
            return [Region(one) for one in grams]
        mask = resize_mask(mask, sizes[0].size)
        share, regions = float(mask.mean()), []
        for one, level in zip(grams, sizes, strict=True):
            regions.append(Region(one, share, *self._guides(mask, level.margin)))
            mask = halve(mask)
        return regions

    def _blended(self, part: Part, sizes: Sequence[Level], tile: int | None) -> list[Features]:
        """The Gram matrices of a part's styles, mixed in shares of 1, at each level."""
        total = sum(source.weight for source in part.sources)
        shares = [source.weight / total for source in part.sources]
        grams = zip(*(self._grams(source, sizes, tile) for source in part.sources), strict=True)
        return [blend(level, shares) for level in grams]

    def _grams(self, source: Source, sizes: Sequence[Level], tile: int | None) -> list[Features]:
        sides = tuple((max(level.size), level.margin) for level in sizes)
        key = (*map(id, source.given), source.scale, sides, tile)
        cached = self._cache.get(key)
        if cached is not None and cached.belong_to(source):
            return cached.grams
        grams = self._measured(source, sides, tile)
        if source.given:
            references = tuple(map(weakref.ref, source.given))
            self._cache.put(key, _CachedGrams(references, grams))
        return grams

    def _measured(
        self, source: Source, sides: Sequence[tuple[int, int]], tile: int | None
    ) -> list[Features]:
        """Gram matrices (1, C, C) of the style, reduced from size to size as the picture is.

        `sides` are the picture's long sides, and their margins. All layers, since other pictures
        of the same long side may have more of them.
        """
        grams = []
        picture = resize(source.picture, self._style_size(source, sides[0][0]))
        for index, (side, margin) in enumerate(sides):
            if index:
                reduced = halve(picture)
                enough = min(reduced.shape[-2:]) >= self.style_extractor.smallest_side
                picture = (
                    reduced if enough else resize(source.picture, self._style_size(source, side))
                )
            size = picture.shape[-2], picture.shape[-1]
            mask = None if source.mask is None else resize_mask(source.mask, size)
            grams.append(self._gram(picture, mask, tile, margin))
        return grams

    def _style_size(self, source: Source, side: int) -> Size:
        """The style with its long side in proportion to the picture's, undistorted."""
        shape = source.picture.shape[-2], source.picture.shape[-1]
        size = fit(shape, max(1, round(side * source.scale)))
        floor = (
            self.style_extractor.smallest_side
        )  # a very long style is raised to the least height
        return size if min(size) >= floor else fit(size, -(-max(size) * floor // min(size)))

    @torch.no_grad()
    def _gram(
        self, picture: torch.Tensor, mask: torch.Tensor | None, tile: int | None, margin: int
    ) -> Features:
        """Gram matrices (1, C, C) of a picture, or of the masked part of it, tile by tile."""
        region = Region({}) if mask is None else Region({}, 1.0, *self._guides(mask, margin))
        size = picture.shape[-2], picture.shape[-1]
        steps, stride = self.style_extractor.steps, strides(self.style_extractor.steps)
        octave = Octave(Level(size, self.weights.style, margin), (region,), 1.0)
        term = StyleTerm(octave, self.weights.kind, stride)
        sums: dict[Key, torch.Tensor] = {}
        picture = mirror(picture, margin)
        for piece in tiles_of(size, tile, steps, margin):
            features = self.style_extractor.forward(piece.cut(picture), keep=False).features
            term.add_sums(sums, features, piece)
        return {
            name: total / positions_of(region, name, size, stride[name])
            for (_, name), total in sums.items()
        }

    def _guides(
        self, mask: torch.Tensor, margin: int
    ) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        names = [name for name, _ in self.weights.style]
        return guides_of(mask, names, self.style_extractor.steps, margin)


@torch.no_grad()
def tiled_features(
    extractor: FeatureExtractor, picture: torch.Tensor, names: Sequence[str], tile: int | None
) -> dict[str, torch.Tensor]:
    """Features of pictures (B, 3, H, W) by layer, one tile at a time, channels last."""
    stride = strides(extractor.steps)
    size = (picture.shape[-2], picture.shape[-1])
    whole: dict[str, torch.Tensor] = {}
    for piece in tiles_of(size, tile, extractor.steps):
        features = extractor.forward(piece.cut(picture), keep=False).features
        for name in names:
            owned = piece.owned(features[name], stride[name])
            if name not in whole:
                place = (size[0] // stride[name], size[1] // stride[name])
                whole[name] = owned.new_empty((*owned.shape[:2], *place)).contiguous(
                    memory_format=torch.channels_last
                )
            piece.interior(whole[name], stride[name]).copy_(owned)
    return whole


def weights_of(encoder: Encoder, settings: Settings) -> Weights:
    """Loss weights of the settings and an encoder, style layers as shares of 1.

    Raises `UsageError` for a layer it does not have.
    """
    content: LayerWeights = content_layers(encoder.spec, settings.content_layers)
    style: LayerWeights = style_layers(encoder.spec, settings.style_layers)
    alpha, beta = settings.loss_weights(encoder.spec.gatys_ratio)
    total = sum(weight for _, weight in style)
    shares = tuple((name, weight / total) for name, weight in style)
    plain = settings.content_layers is not None or settings.losses == "gatys"
    coarse = None if plain else coarse_content_layers(encoder.spec)
    return Weights(
        alpha, beta, settings.tv, settings.chroma_tv, content, shares, settings.losses, coarse
    )


def check_smallest_size(size: Size, needed: int, what: str) -> None:
    """Raises `InputError` when a side of `size` (height, width) is under `needed` pixels."""
    if min(size) < needed:
        raise InputError(
            f"{what} is {size[1]}x{size[0]} pixels, but the chosen layers need at least "
            f"{needed}x{needed}: use a larger picture or --size, or shallower layers."
        )
