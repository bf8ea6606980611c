"""Targets of the objective at one scale: content features and Gram matrices."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from stylecli.bounded_cache import BoundedCache
from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError
from stylecli.settings import Settings
from stylecli.transfer.objective.gram_loss import (
    Features,
    Key,
    StyleTerm,
    blend,
    guides_of,
    positions_of,
)
from stylecli.transfer.objective.loss_weights import Weights, weights_of
from stylecli.transfer.objective.objective import Objective
from stylecli.transfer.objective.octaves import Level, level_at, levels, octave_weights
from stylecli.transfer.objective.tiles import StyleTiling, strides, tiles_of
from stylecli.transfer.objective.types import Octave, Region, target_of
from stylecli.transfer.objective.whole_picture import content_targets
from stylecli.transfer.request import Part, Request, Style
from stylecli.transfer.resample import Size, fit, halve, mirror, resize, resize_mask

REMEMBERED: Final = 64  # styles, at a size each, whose Gram matrices are kept: about 2 MB each


@dataclass(frozen=True)
class _CachedGrams:
    """Gram matrices of a style at each size, and the tensors that it was made from.

    The pictures are some 100 times larger and not kept alive; with the weak references a new
    tensor that has the id of one that is gone is not taken for it.
    """

    made_from: tuple[weakref.ref[torch.Tensor], ...]
    grams: list[Features]

    def belong_to(self, style: Style) -> bool:
        return all(ref() is one for ref, one in zip(self.made_from, style.cached_by, strict=True))


class Targets:
    """Content features and Gram matrices of each scale, and the feature extractors for them.

    Gram matrices of a style are cached, so that many pictures in one style share them.
    """

    def __init__(
        self, encoder: Encoder, settings: Settings, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        weights = weights_of(encoder, settings)
        names = [name for name, _ in weights.style]
        deep = [name for name, _ in (*weights.content, *(weights.coarse_content or ()))]
        self.encoder = encoder
        self.style_layers = weights.style
        self.extractor = FeatureExtractor(
            encoder, [*names, *deep], dtype=dtype, device=device, targets=deep
        )
        self.style_extractor = self.extractor.truncated(encoder, names)
        self.octaves = settings.octaves
        self.size_needed = self.extractor.smallest_side
        self._cache: BoundedCache[tuple[object, ...], _CachedGrams] = BoundedCache(REMEMBERED)

    def objective(
        self,
        requests: Sequence[Request],
        size: Size,
        tile: int | None = None,
        style_tiling: StyleTiling | None = None,
        *,
        is_last: bool = True,
    ) -> Objective:
        """The objective at `size`, the run's last or one before, of pictures made together.

        Several requests have the same number of parts, and no masks. Styles are tiled as the
        picture is, unless `style_tiling` says otherwise. Raises `InputError` where a picture is
        too small for the deepest layer.
        """
        scales = [style.scale for request in requests for style in request.styles]
        octaves = levels(
            size,
            self.octaves,
            self.style_layers,
            self.style_extractor.steps,
            kind=requests[0].settings.losses,
            least_scale=min(scales),
        )
        weights = [weights_of(self.encoder, request.settings) for request in requests]
        weights = [replace(one, content=one.content_at(size, is_last=is_last)) for one in weights]
        return self._objective(requests, weights, octaves, tile, style_tiling)

    def one_octave(
        self,
        request: Request,
        size: Size,
        tile: int | None,
        index: int,
        style_tiling: StyleTiling | None = None,
    ) -> Objective:
        """The relative losses at `size` alone, to measure a picture as the octave of that index."""
        level = level_at(size, index, self.style_layers, self.style_extractor.steps, "relative")
        weights = replace(weights_of(self.encoder, request.settings), kind="relative")
        return self._objective([request], [weights], [level], tile, style_tiling)

    def _objective(
        self,
        requests: Sequence[Request],
        weights: Sequence[Weights],
        sizes: Sequence[Level],
        tile: int | None,
        style_tiling: StyleTiling | None,
    ) -> Objective:
        check_smallest_size(sizes[0].size, self.size_needed, "the picture at its smallest scale")
        visible = requests[0].visible_at(sizes[0].size)  # such a request is in no batch
        pictures = torch.cat([request.content_at(sizes[0].size) for request in requests])
        names = [name for name, _ in weights[0].content]
        content, guides = content_targets(self.extractor, pictures, visible, names, tile)
        tiling = style_tiling or StyleTiling(tile)
        regions = [
            self._regions([request.parts[index] for request in requests], visible, sizes, tiling)
            for index in range(len(requests[0].parts))
        ]
        octaves = [
            Octave(level, tuple(part[index] for part in regions), weight)
            for index, (level, weight) in enumerate(
                zip(sizes, octave_weights(len(sizes)), strict=True)
            )
        ]
        return Objective(
            self.extractor, self.style_extractor, weights, content, octaves, tile, guides
        )

    def _regions(
        self,
        parts: Sequence[Part],
        visible: torch.Tensor | None,
        sizes: Sequence[Level],
        tiling: StyleTiling,
    ) -> list[Region]:
        """The same part of every request as one region, at each level.

        Of a content with alpha, `visible` (1, 1, H, W), it is the part that can be seen.
        """
        blended = [self._blended(part, sizes, tiling) for part in parts]
        grams = [
            {name: target_of(torch.cat([one[level][name] for one in blended])) for name in names}
            for level, names in enumerate(blended[0])
        ]
        mask = parts[0].mask
        if mask is None and visible is None:
            return [Region(one) for one in grams]
        whole = torch.ones(()) if visible is None else visible
        mask = whole if mask is None else whole * resize_mask(mask[None], sizes[0].size)
        share, regions = float(mask.mean() / whole.mean().clamp_min(1e-8)), []
        for one, level in zip(grams, sizes, strict=True):
            regions.append(Region(one, share, *self._guides(mask, level.margin)))
            mask = halve(mask)
        return regions

    def _blended(self, part: Part, sizes: Sequence[Level], tiling: StyleTiling) -> list[Features]:
        """The Gram matrices of a part's styles, mixed in shares of 1, at each level."""
        total = sum(style.weight for style in part.styles)
        shares = [style.weight / total for style in part.styles]
        grams = zip(*(self._grams(style, sizes, tiling) for style in part.styles), strict=True)
        return [blend(level, shares) for level in grams]

    def _grams(self, style: Style, sizes: Sequence[Level], tiling: StyleTiling) -> list[Features]:
        compared = tuple((self.style_size(style, level.size), level.margin) for level in sizes)
        key = (*map(id, style.cached_by), compared, tiling.tile)
        cached = self._cache.get(key)
        if cached is not None and cached.belong_to(style):
            return cached.grams
        grams = self._measured(style, compared, tiling)
        if style.cached_by:
            references = tuple(map(weakref.ref, style.cached_by))
            self._cache.put(key, _CachedGrams(references, grams))
        return grams

    def _measured(
        self, style: Style, sizes: Sequence[tuple[Size, int]], tiling: StyleTiling
    ) -> list[Features]:
        """Gram matrices (1, C, C) of the style, reduced from size to size as the picture is.

        `sizes` are the style's, with their margins. All layers, since other pictures that it is
        compared with at these sizes may have more of them.
        """
        grams = []
        picture = resize(style.picture[None], sizes[0][0])
        for index, (wanted, margin) in enumerate(sizes):
            if index:
                picture = halve(picture)
                if min(picture.shape[-2:]) < self.style_extractor.smallest_side:
                    picture = resize(style.picture[None], wanted)
            size = picture.shape[-2], picture.shape[-1]
            mask = None if style.mask is None else resize_mask(style.mask[None], size)
            grams.append(self._gram(picture, mask, tiling, margin))
        return grams

    def style_size(self, style: Style, size: Size) -> Size:
        """`Style.size_beside` a picture, a very long style raised to the least height."""
        beside, floor = style.size_beside(size), self.style_extractor.smallest_side
        if min(beside) >= floor:
            return beside
        return fit(beside, -(-max(beside) * floor // min(beside)))

    @torch.no_grad()
    def _gram(
        self, picture: torch.Tensor, mask: torch.Tensor | None, tiling: StyleTiling, margin: int
    ) -> Features:
        """Gram matrices (1, C, C) of a picture, or of the masked part of it, tile by tile."""
        region = Region({}) if mask is None else Region({}, 1.0, *self._guides(mask, margin))
        size = picture.shape[-2], picture.shape[-1]
        steps, stride = self.style_extractor.steps, strides(self.style_extractor.steps)
        octave = Octave(Level(size, self.style_layers, margin), (region,), 1.0)
        term = StyleTerm(octave, "relative", stride)  # for its sums: no loss is computed here
        sums: dict[Key, torch.Tensor] = {}
        picture = mirror(picture, margin)
        for piece in tiles_of(size, tiling.tile, steps, margin):
            features = self.style_extractor.forward(piece.cut(picture), keep=False).features
            term.add_sums(sums, features, piece)
            del features  # before the next tile's
            tiling.on_pixels(piece.pixels)
        return {
            name: total / positions_of(region, name, size, stride[name])
            for (_, name), total in sums.items()
        }

    def _guides(
        self, mask: torch.Tensor, margin: int
    ) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        names = [name for name, _ in self.style_layers]
        return guides_of(mask, names, self.style_extractor.steps, margin)


def check_smallest_size(size: Size, needed: int, what: str) -> None:
    """Raises `InputError` when a side of `size` (height, width) is under `needed` pixels."""
    if min(size) < needed:
        raise InputError(
            f"{what} is {size[1]}x{size[0]} pixels, but the chosen layers need at least "
            f"{needed}x{needed}: use a larger picture or --size, or shallower layers."
        )
