"""J(G) = α·J_content(C, G) + β·J_style(S, G) + γ·TV(G), and its gradient.

A frame of a clip has temporal targets as well: Σ δ·J_temporal(W, G), part of the total alone.

The style loss is averaged over octaves: the picture at full, half, quarter … size, each against
the style at the same reduction. Large strokes are then part of the objective, not an accident.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import torch

from stylecli.encoder.feature_extractor import FeatureExtractor, Tape
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.compute.malloc import release_free_memory
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.gram_loss import Key, StyleTerm
from stylecli.transfer.objective.loss_weights import Weights
from stylecli.transfer.objective.temporal_loss import TemporalTerm
from stylecli.transfer.objective.tiles import Tile, strides, tiles_of
from stylecli.transfer.objective.types import Octave, Target
from stylecli.transfer.optim.deterministic import each_alone
from stylecli.transfer.optim.loop import Terms
from stylecli.transfer.optim.preconditioner import color_basis, mix
from stylecli.transfer.resample import halve, halve_transposed, mirror, mirror_transposed

_STRIP: Final = 2**20  # pixels whose total variation is computed at a time


class Objective:
    """The objective of B pictures of one size, with value and gradient in one call.

    `weights` are one for each picture; their layers and kind of losses are the same. `guides`
    are maps (1, 1, h, w) by content layer that its features are multiplied with. `temporal` are
    the terms of a frame of a clip, which is alone.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        style_extractor: FeatureExtractor,
        weights: Sequence[Weights],
        content: Mapping[str, Target],
        octaves: Sequence[Octave],
        tile: int | None = None,
        guides: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.extractor = extractor
        self.style_extractor = (
            style_extractor  # stops at the deepest style layer: all a small octave needs
        )
        self.kind, self.content_layers = weights[0].kind, weights[0].content
        self.content, self.guides = content, guides
        self.octaves = tuple(octaves)
        self.tile = tile  # owned pixels a side; None: one tile for all
        self.temporal: Sequence[TemporalTerm] = ()
        self.alpha = extractor.std.new_tensor([w.alpha for w in weights])
        self.beta = extractor.std.new_tensor([w.beta for w in weights])
        self.rough = any(w.tv or w.chroma_tv for w in weights)
        self.roughness = torch.stack([_roughness(w, extractor.std) for w in weights])
        self.zero = torch.zeros_like(self.alpha)
        stride = strides(extractor.steps)
        self.terms = [StyleTerm(octave, self.kind, stride) for octave in self.octaves]
        self.constants = [term.constants(self.beta) for term in self.terms]

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        """Terms (B,) and the gradient (B, 3, H, W) at an image (B, 3, H, W) in [0, 1]."""
        style, content, gradient = self._octave(image, 0, self.content_layers)
        reduced, back = image, []
        for index in range(1, len(self.octaves)):
            reduced = halve(reduced)
            margin = self.octaves[index].level.margin
            octave_style, _, octave_gradient = self._octave(mirror(reduced, margin), index, ())
            style = style + octave_style
            back.append(mirror_transposed(octave_gradient, margin))
        for coarse, fine in pairwise(reversed([gradient, *back])):
            fine += halve_transposed(coarse, (fine.shape[-2], fine.shape[-1]))
        variation = self._variation(image, gradient)
        total = self.alpha * content + self.beta * style + variation
        for term in self.temporal:
            total = total + term.add_to(gradient, image)
        return Terms(total, content, style, variation), gradient

    @torch.no_grad()
    def measure(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Content and style loss (B,) of the first octave alone, without gradients.

        In one pass, unless the style is compared with a margin and the content is not.
        """
        size, _, margin = self.octaves[0].level
        extractor, stride = self.extractor, strides(self.extractor.steps)
        term, content = self.terms[0], self.zero
        sums: dict[Key, torch.Tensor] = {}
        for tile in tiles_of(size, self.tile, extractor.steps):
            tape = extractor.forward(tile.cut(image), keep=False)
            if not margin:
                term.add_sums(sums, tape.features, tile)
            content = content + self._content(tape, tile, stride, self.content_layers, {})
        if margin:
            extractor, image = self.style_extractor, mirror(image, margin)
            for tile in tiles_of(size, self.tile, extractor.steps, margin):
                tape = extractor.forward(tile.cut(image), keep=False)
                term.add_sums(sums, tape.features, tile)
        return content, term.value(sums, self.constants[0], extractor.dtype)[0]

    def _octave(
        self, image: torch.Tensor, index: int, layers: LayerWeights
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Style and content loss (B,) of one octave and their gradient, of the image with margin.

        One tile is run forward once; several are run twice, since the Gram matrices of the
        whole picture must be known before any tile can go backward.
        """
        extractor = self.extractor if layers else self.style_extractor
        level, term = self.octaves[index].level, self.terms[index]
        tiles = tiles_of(level.size, self.tile, extractor.steps, level.margin)
        names = {*term.names, *(name for name, _ in layers)}
        tape: Tape | None = None
        sums: dict[Key, torch.Tensor] = {}
        for tile in tiles:
            tape = extractor.forward(tile.cut(image), keep=len(tiles) == 1, layers=names)
            term.add_sums(sums, tape.features, tile)
        if len(tiles) > 1:
            tape = None
        style, factors = term.value(sums, self.constants[index], extractor.dtype)
        content, gradient = self.zero, None if tape else torch.zeros_like(image)
        for tile in tiles:
            if tape is None:
                tape = extractor.forward(tile.cut(image), layers=names)
            wanted = term.gradients(tape.features, tile, factors)
            content = content + self._content(tape, tile, term.stride, layers, wanted)
            part = extractor.backward(tape, wanted)
            if gradient is None:  # the only tile: all of the image
                gradient = part
            else:
                tile.cut(gradient).add_(part)
            tape = None
        assert gradient is not None
        if len(tiles) > 1:  # memory is short, and tiles of many sizes break it into pieces
            del wanted
            release_free_memory()
        return style, content, gradient

    def _content(
        self,
        tape: Tape,
        tile: Tile,
        stride: Mapping[str, int],
        layers: LayerWeights,
        wanted: dict[str, Callable[[], torch.Tensor]],
    ) -> torch.Tensor:
        """Content loss (B,) of the tile; adds α times its gradients to `wanted`."""
        total = self.zero
        shares = sum(weight for _, weight in layers)
        for name, weight in layers:
            target, features = self.content[name], tape.features[name]
            value = tile.interior(target.value, stride[name])
            difference = tile.owned(features, stride[name]) - value
            guide = None if self.guides is None else tile.interior(self.guides[name], stride[name])
            if guide is not None:
                difference *= guide
            scale = torch.full_like(target.squared_norm, 0.5 * weight)
            if self.kind == "relative":
                scale = weight / (shares * target.squared_norm)
            total = total + losses.squared_sum(difference) * scale
            factor = (2.0 * self.alpha * scale).view(-1, 1, 1, 1)
            gradient = difference.mul_(factor.to(difference.dtype))
            if guide is not None:
                gradient *= guide
            placed = _place(gradient, features, tile, stride[name])
            wanted[name] = functools.partial(_sum, placed, wanted.get(name))
        return total

    def _variation(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Total variation γ·TV (B,), all channels and chroma alone; adds its gradient in place."""
        total = image.new_zeros(image.shape[0])
        if not self.rough:
            return total
        height, width = image.shape[-2:]
        rows = max(1, _STRIP // width)
        for top in range(0, height, rows):  # a strip at a time: its memory is that of the strip
            first, last = max(0, top - 1), min(height, top + rows + 1)
            mixed = mix(self.roughness.to(image.dtype), image[..., first:last, :])
            strip = losses.total_variation_gradient(mixed)[..., top - first :, :][..., :rows, :]
            strip *= (last - first) / height  # the strip's is a mean over its own rows alone
            gradient[..., top : top + rows, :] += strip
            inside = image[..., top : top + rows, :]
            total += 0.5 * each_alone(lambda x, g: (x * g).sum(3).sum((1, 2)), inside, strip)
        return total


def chroma_matrix(like: torch.Tensor) -> torch.Tensor:
    """Chroma projection (3, 3): RGB to its part without luminance."""
    basis = color_basis(like)
    keep = torch.diag(torch.tensor([0.0, 1.0, 1.0], dtype=like.dtype, device=like.device))
    inverse: torch.Tensor = torch.linalg.inv(basis)
    return basis @ keep @ inverse


def _place(gradient: torch.Tensor, features: torch.Tensor, tile: Tile, stride: int) -> torch.Tensor:
    """A gradient of the tile's interior, padded with 0 in the halo; itself without a halo."""
    if gradient.shape == features.shape:
        return gradient
    placed = torch.zeros_like(features)
    tile.owned(placed, stride).copy_(gradient)
    return placed


def _sum(gradient: torch.Tensor, other: Callable[[], torch.Tensor] | None) -> torch.Tensor:
    return gradient if other is None else other().add_(gradient)


def _roughness(weights: Weights, like: torch.Tensor) -> torch.Tensor:
    """Quadratic form (3, 3) on color differences that total variation sums over neighbors."""
    chroma = chroma_matrix(like)
    every = torch.eye(3, dtype=like.dtype, device=like.device)
    return weights.tv * every + weights.chroma_tv * chroma.T @ chroma
