"""J(G) = α·J_content(C, G) + β·J_style(S, G) + γ·TV(G), and its gradient.

The style loss is averaged over octaves: the picture at full, half, quarter … size, each against
the style at the same reduction. Large strokes are then part of the objective, not an accident.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from stylecli.settings import LayerWeights, LossKind
from stylecli.transfer import losses
from stylecli.transfer.laplacian import colour_basis, mix
from stylecli.transfer.resample import Size, resize, resize_transposed
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
    """The style at one reduction: the picture's size there and the Gram matrices wanted."""

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
    ) -> None:
        self.trunk = trunk
        self.style_trunk = style_trunk  # stops at the deepest style layer: all a small octave needs
        self.weights = weights
        self.content = content
        self.octaves = tuple(octaves)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        """Terms (B,) and the gradient (B, 3, H, W) at an image (B, 3, H, W) in [0, 1]."""
        zero = image.new_zeros(image.shape[0])
        content, style, gradient = zero, zero, torch.zeros_like(image)
        for index, octave in enumerate(self.octaves):
            trunk = self.trunk if index == 0 else self.style_trunk
            tape = trunk.forward(resize(image, octave.size))
            wanted: dict[str, torch.Tensor] = {}
            style = style + self._style(tape, octave, wanted)
            if index == 0:
                content = self._content(tape, wanted)
            if wanted:
                own = trunk.backward(tape, wanted)
                gradient += resize_transposed(own, (image.shape[-2], image.shape[-1]))
        variation = self._variation(image, gradient)
        w = self.weights
        total = w.alpha * content + w.beta * style + variation
        return Terms(total, content, style, variation), gradient

    def _content(self, tape: Tape, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
        """The content loss (B,); adds α times its gradients to `wanted`."""
        relative = self.weights.kind == "relative"
        share = sum(weight for _, weight in self.weights.content) if relative else 1.0
        total: torch.Tensor = next(iter(tape.features.values())).new_zeros((), dtype=torch.float32)
        for name, weight in self.weights.content:
            features, target = tape.features[name], self.content[name]
            difference = features - target.value
            scale = (
                1.0 / target.squared_norm
                if relative
                else 0.5 * torch.ones_like(target.squared_norm)
            )
            scale = scale * (weight / share)
            total = total + losses.squared_norm(difference) * scale
            if self.weights.alpha:
                factor = (2.0 * self.weights.alpha * scale).view(-1, 1, 1, 1)
                _add(wanted, name, difference * factor.to(difference.dtype))
        return total

    def _style(self, tape: Tape, octave: Octave, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
        """This octave's share of the style loss (B,); adds β times its gradients to `wanted`."""
        total: torch.Tensor = next(iter(tape.features.values())).new_zeros((), dtype=torch.float32)
        for name, weight in self.weights.style:
            features, target = tape.features[name], octave.grams[name]
            positions = features.shape[-2] * features.shape[-1]
            difference = losses.gram(features) - target.value
            scale = weight * octave.weight * self._style_scale(target, features.shape[1])
            total = total + difference.square().flatten(1).sum(1) * scale
            if self.weights.beta:
                factor = (4.0 * self.weights.beta / positions * scale).view(-1, 1, 1)
                _add(wanted, name, multiply_channels(difference * factor, features))
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
            gradient += self.weights.tv * losses.total_variation_gradient(image)
        if self.weights.chroma_tv:
            to_chroma = chroma_matrix(image)
            chroma = mix(to_chroma, image)
            total = total + self.weights.chroma_tv * losses.total_variation(chroma)
            back = mix(to_chroma.T, losses.total_variation_gradient(chroma))
            gradient += self.weights.chroma_tv * back
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
    return basis @ keep @ torch.linalg.inv(basis)


def _add(wanted: dict[str, torch.Tensor], name: str, gradient: torch.Tensor) -> None:
    wanted[name] = wanted[name] + gradient if name in wanted else gradient
