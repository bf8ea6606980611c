"""J(G) = α·J_content(C, G) + β·J_style(S, G) + γ·TV(G), and its gradient.

The style loss is averaged over octaves: the picture at full, half, quarter … size, each against
the style at the same reduction. Large strokes are then part of the objective, not an accident.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch

from stylecli.settings import LayerWeights, LossKind
from stylecli.transfer import losses
from stylecli.transfer.laplacian import colour_basis, mix
from stylecli.transfer.resample import Size, halve, halve_transposed
from stylecli.transfer.tiles import Tile, strides, tiles_of
from stylecli.transfer.trunk import Tape, Trunk


class Terms(NamedTuple):
    """The objective and its unweighted parts, one value for each picture: (B,) each."""

    total: torch.Tensor
    content: torch.Tensor
    style: torch.Tensor
    total_variation: torch.Tensor


class Target(NamedTuple):
    """What a layer should be, and ‖target‖² (B,)."""

    value: torch.Tensor
    squared_norm: torch.Tensor


@dataclass(frozen=True)
class Weights:
    """The objective's weights; a style layer's weight is its share of 1."""

    alpha: float
    beta: float
    tv: float
    chroma_tv: float
    content: LayerWeights
    style: LayerWeights
    kind: LossKind = "relative"


@dataclass(frozen=True)
class Octave:
    """The style at one reduction: the picture's size there, half of the one before, and its Grams."""

    size: Size
    grams: Mapping[str, Target]
    weight: float


class Objective:
    """The objective of B pictures of one size, with value and gradient in one call."""

    def __init__(
        self,
        trunk: Trunk,
        style_trunk: Trunk,
        weights: Weights,
        content: Mapping[str, Target],
        octaves: Sequence[Octave],
        tile: int | None = None,
    ) -> None:
        self.trunk = trunk
        self.style_trunk = style_trunk  # stops at the deepest style layer: all a small octave needs
        self.weights = weights
        self.content = content
        self.octaves = tuple(octaves)
        self.tile = tile  # owned pixels a side; None: one tile for all
        self.to_chroma = chroma_matrix(trunk.std)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        """Terms (B,) and the gradient (B, 3, H, W) at an image (B, 3, H, W) in [0, 1]."""
        style, content, gradient = self._octave(image, self.octaves[0], self.weights.content)
        reduced, back = image, []
        for octave in self.octaves[1:]:
            reduced = halve(reduced)
            one_style, _, own = self._octave(reduced, octave, ())
            style = style + one_style
            back.append(own)
        for coarse, fine in pairwise(reversed([gradient, *back])):
            fine += halve_transposed(coarse, (fine.shape[-2], fine.shape[-1]))
        variation = self._variation(image, gradient)
        w = self.weights
        total = w.alpha * content + w.beta * style + variation
        return Terms(total, content, style, variation), gradient

    def _octave(
        self, image: torch.Tensor, octave: Octave, layers: LayerWeights
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Style and content loss (B,) of one octave and their gradient at its own size.

        One tile is run forward once; several are run twice, since the Gram matrices of the
        whole picture must be known before any tile can go backward.
        """
        trunk = self.trunk if layers else self.style_trunk
        tiles = tiles_of((image.shape[-2], image.shape[-1]), self.tile, trunk.steps)
        stride = strides(trunk.steps)
        tape: Tape | None = None
        sums: dict[str, torch.Tensor] = {}
        for tile in tiles:
            tape = trunk.forward(tile.cut(image), keep=len(tiles) == 1)
            for name, _ in self.weights.style:
                own = losses.gram_sum(tile.owned(tape.features[name], stride[name]))
                sums[name] = sums[name] + own if name in sums else own
        style, factors = self._style(sums, octave, image, stride)
        content, gradient = image.new_zeros(image.shape[0]), torch.zeros_like(image)
        for tile in tiles:
            if tape is None or len(tiles) > 1:
                tape = trunk.forward(tile.cut(image))
            wanted = self._style_gradients(tape, tile, stride, factors)
            content = content + self._content(tape, tile, stride, layers, wanted)
            if wanted:
                tile.cut(gradient).add_(trunk.backward(tape, wanted))
        return style, content, gradient

    def _style(
        self,
        sums: Mapping[str, torch.Tensor],
        octave: Octave,
        image: torch.Tensor,
        stride: Mapping[str, int],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """This octave's share of the style loss (B,), and matrices K (B, C, C) by layer.

        K·F is the gradient of β times that share with respect to features F.
        """
        total = image.new_zeros(image.shape[0])
        factors = {}
        for name, weight in self.weights.style:
            target = octave.grams[name]
            positions = (image.shape[-2] // stride[name]) * (image.shape[-1] // stride[name])
            difference = sums[name] / positions - target.value
            scale = weight * octave.weight * self._style_scale(target, difference.shape[-1])
            total = total + difference.square().flatten(1).sum(1) * scale
            if self.weights.beta:
                factor = (4.0 * self.weights.beta / positions * scale).view(-1, 1, 1)
                factors[name] = difference * factor
        return total, factors

    def _style_gradients(
        self,
        tape: Tape,
        tile: Tile,
        stride: Mapping[str, int],
        factors: Mapping[str, torch.Tensor],
    ) -> dict[str, torch.Tensor]:
        """By layer, the gradient of the style loss at the tile's features, 0 in its halo."""
        wanted = {}
        for name, factor in factors.items():
            features = tape.features[name]
            owned = tile.owned(features, stride[name])
            product = multiply_channels(factor, owned)
            wanted[name] = _place(product, features, tile, stride[name])
        return wanted

    def _content(
        self,
        tape: Tape,
        tile: Tile,
        stride: Mapping[str, int],
        layers: LayerWeights,
        wanted: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """The tile's content loss (B,); adds α times its gradients to `wanted`."""
        total: torch.Tensor = next(iter(tape.features.values())).new_zeros((), dtype=torch.float32)
        shares = sum(weight for _, weight in layers)
        for name, weight in layers:
            target, features = self.content[name], tape.features[name]
            value = tile.of_whole(target.value, stride[name])
            difference = tile.owned(features, stride[name]) - value
            scale = torch.full_like(target.squared_norm, 0.5 * weight)
            if self.weights.kind == "relative":
                scale = weight / (shares * target.squared_norm)
            total = total + squared_sum(difference) * scale
            if self.weights.alpha:
                factor = (2.0 * self.weights.alpha * scale).view(-1, 1, 1, 1)
                own = difference * factor.to(difference.dtype)
                placed = _place(own, features, tile, stride[name])
                wanted[name] = wanted[name] + placed if name in wanted else placed
        return total

    def _style_scale(self, target: Target, channels: int) -> torch.Tensor:
        if self.weights.kind == "relative":
            return 1.0 / target.squared_norm
        return torch.full_like(target.squared_norm, 1.0 / (4.0 * channels**2))

    def _variation(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """γ·TV (B,), all channels and chroma alone; adds its gradient in place."""
        total = image.new_zeros(image.shape[0])
        if self.weights.tv:
            total = total + self.weights.tv * losses.total_variation(image)
            gradient.add_(losses.total_variation_gradient(image), alpha=self.weights.tv)
        if self.weights.chroma_tv:
            to_chroma = self.to_chroma.to(image.dtype)
            chroma = mix(to_chroma, image)
            total = total + self.weights.chroma_tv * losses.total_variation(chroma)
            back = mix(to_chroma.T, losses.total_variation_gradient(chroma))
            gradient.add_(back, alpha=self.weights.chroma_tv)
        return total


def multiply_channels(matrix: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """(B, C, C) times features (B, C, h, w) at every position; keeps precision and layout."""
    batch, channels, height, width = features.shape
    rows = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, C)
    product = torch.bmm(rows, matrix.mT.to(features.dtype))
    return product.view(batch, height, width, channels).permute(0, 3, 1, 2)


def chroma_matrix(like: torch.Tensor) -> torch.Tensor:
    """RGB to its part without luminance: the projection along the luminance axis."""
    basis = colour_basis(like)
    keep = torch.diag(torch.tensor([0.0, 1.0, 1.0], dtype=like.dtype, device=like.device))
    inverse: torch.Tensor = torch.linalg.inv(basis)
    return basis @ keep @ inverse


def squared_sum(x: torch.Tensor) -> torch.Tensor:
    """Σ x² of each of B tensors, in at least float32: (B, …) to (B,)."""
    wide = torch.float32 if x.dtype.itemsize < 4 else x.dtype
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), dtype=wide).square()


def _place(own: torch.Tensor, features: torch.Tensor, tile: Tile, stride: int) -> torch.Tensor:
    """`own` where the tile owns its features, 0 in the halo; itself where there is no halo."""
    if own.shape == features.shape:
        return own
    placed = torch.zeros_like(features)
    tile.owned(placed, stride).copy_(own)
    return placed
