"""Perceptual metric: content and style distances of two pictures in an encoder's features.

A siamese comparison: one network encodes both pictures, and the distance is between those.
Distances are 0 for the same picture, symmetric, and at most 2.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.vgg import Encoder
from stylecli.settings import Settings
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.compute.device import wide_device
from stylecli.transfer.objective.gram_loss import guides_of
from stylecli.transfer.objective.loss_weights import weights_of
from stylecli.transfer.objective.losses import gram, gram_sum
from stylecli.transfer.objective.octaves import SMALLEST_OCTAVE
from stylecli.transfer.resample import Size, fit, halve, reductions, resize_mask, resize_visible

LONG_SIDE: Final = 512  # pixels at which pictures are compared, at most
OCTAVES: Final = 3
FARTHEST: Final = 2.0  # what distances are at most

Grams = dict[str, torch.Tensor]  # (C, C) by layer


@dataclass(frozen=True)
class Distances:
    """Content and style distance of two pictures; `layers` has the style's at each layer."""

    content: float
    style: float
    layers: Mapping[str, float]


class PerceptualMetric:
    """Perceptual distances of pictures (3, H, W) in [0, 1], from an encoder in float32.

    Of pictures with alpha, (4, H, W), positions count by it. The layers are the encoder's own,
    whatever a picture was made with.
    """

    def __init__(self, encoder: Encoder, device: torch.device) -> None:
        weights = weights_of(encoder, Settings())
        self.content, self.style = weights.content, weights.style

        def extractor_of(layers: LayerWeights) -> FeatureExtractor:
            names = [name for name, _ in layers]
            return FeatureExtractor(encoder, names, dtype=torch.float32, device=device)

        self.content_extractor = extractor_of(self.content)
        self.style_extractor = extractor_of(self.style)
        self.device = device

    def distances(self, a: torch.Tensor, b: torch.Tensor, long_side: int = LONG_SIDE) -> Distances:
        """Perceptual distances of two pictures, at equal long sides."""
        side = min(long_side, max(*a.shape[-2:], *b.shape[-2:]))
        layers = style_distances(self.grams(a, side), self.grams(b, side))
        return Distances(self.content_distance(a, b, side), self._weighted(layers), layers)

    def style_distance(self, a: Sequence[Grams], b: Sequence[Grams]) -> float:
        """The style distance of pictures whose Gram matrices are known."""
        return self._weighted(style_distances(a, b))

    @torch.no_grad()
    def grams(
        self, picture: torch.Tensor, long_side: int = LONG_SIDE, octaves: int = OCTAVES
    ) -> list[Grams]:
        """Gram matrices by layer at a size, its half, its quarter, as far as layers reach."""
        image, alpha = self._resized(picture, self._size_at(picture, long_side))
        smallest = max(SMALLEST_OCTAVE, self.style_extractor.smallest_side)
        levels = [self._grams(image, alpha)]
        for _ in reductions(_size(image), octaves, smallest)[1:]:
            image, alpha = halve(image), None if alpha is None else halve(alpha)
            levels.append(self._grams(image, alpha))
        return levels

    def descriptor(self, picture: torch.Tensor, long_side: int = LONG_SIDE) -> torch.Tensor:
        """The picture's style descriptor, (n,) of length 1 on the CPU."""
        grams = self.grams(picture, long_side, octaves=1)[0]
        return style_descriptor({name: values.cpu() for name, values in grams.items()})

    @torch.no_grad()
    def content_distance(self, a: torch.Tensor, b: torch.Tensor, long_side: int) -> float:
        """Distance of features at the same places, of two pictures brought to one shape.

        Places count as far as both pictures show something there; without any it is 2.
        """
        size = self._common_size(a, b, long_side)
        (first, alpha), (second, other_alpha) = (self._resized(x, size) for x in (a, b))
        one, other = self._features(first), self._features(second)
        alphas = [known for known in (alpha, other_alpha) if known is not None]
        if alphas:
            steps, names = self.content_extractor.steps, [name for name, _ in self.content]
            guides, _ = guides_of(functools.reduce(torch.mul, alphas), names, steps, 0)
            if not any(bool(guide.any()) for guide in guides.values()):
                return FARTHEST
            one, other = ({k: x[k] * guides[k] for k in names} for x in (one, other))
        total = weight_sum = 0.0
        for name, weight in self.content:
            total += weight * symmetric_distance(one[name], other[name])
            weight_sum += weight
        return total / weight_sum

    def _weighted(self, layers: Mapping[str, float]) -> float:
        return sum(weight * layers[name] for name, weight in self.style)  # shares of 1

    def _size_at(self, picture: torch.Tensor, long_side: int) -> Size:
        """The size with a long side, of a very long picture raised to the least height."""
        height, width = fit(_size(picture), long_side)
        least = self.style_extractor.smallest_side
        return max(height, least), max(width, least)

    def _resized(
        self, picture: torch.Tensor, size: Size
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Colors (1, 3, h, w) and alpha (1, 1, h, w), or `None`, of a picture at a size."""
        planes = picture[None].to(self.device)
        color, alpha = planes[:, :3], planes[:, 3:] if len(picture) == 4 else None
        resized = resize_visible(color, alpha, size).clamp(0.0, 1.0)
        return resized, None if alpha is None else resize_mask(alpha, size)

    def _common_size(self, a: torch.Tensor, b: torch.Tensor, long_side: int) -> Size:
        """One size for both: the long side, and the geometric mean of their aspects."""
        aspect = (a.shape[-1] * b.shape[-1] / (a.shape[-2] * b.shape[-2])) ** 0.5
        least = self.content_extractor.smallest_side
        height, width = long_side / max(1.0, aspect), long_side * min(1.0, aspect)
        return max(least, round(height)), max(least, round(width))

    def _features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.content_extractor.forward(image, keep=False).features

    def _grams(self, image: torch.Tensor, alpha: torch.Tensor | None) -> Grams:
        features = self.style_extractor.forward(image, keep=False).features
        names = [name for name, _ in self.style]
        if alpha is None:
            return {name: gram(features[name])[0] for name in names}
        guides, positions = guides_of(alpha, names, self.style_extractor.steps, 0)
        return {
            name: gram_sum(features[name] * guides[name])[0] / positions[name] for name in names
        }


def style_distances(a: Sequence[Grams], b: Sequence[Grams]) -> dict[str, float]:
    """The distance of Gram matrices at each layer, the mean over the sizes that both have."""
    pairs = list(zip(a, b, strict=False))
    return {
        name: sum(symmetric_distance(x[name], y[name]) for x, y in pairs) / len(pairs)
        for name in a[0]
    }


def symmetric_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """2·‖x − y‖² / (‖x‖² + ‖y‖²): the relative loss, made symmetric; 0 where both are 0.

    At most 2 for Gram matrices and for features behind a ReLU, whose inner products are not
    negative.
    """
    wide = wide_device(x.device)
    x, y, difference = (value.to(wide).double() for value in (x, y, x - y))
    scale = float(x.square().sum() + y.square().sum())
    return 0.0 if scale == 0.0 else 2.0 * float(difference.square().sum()) / scale


def style_descriptor(grams: Grams) -> torch.Tensor:
    """Style descriptor (n,), of length 1, from Gram matrices, as galleries hold it.

    Each layer's Gram matrix, its upper triangle (off the diagonal times √2, so that distances
    are the matrices'), under a signed square root and at length 1, as bilinear features are
    normalized by Lin et al. 2015 (arXiv 1504.07889, section 3.1).
    """
    parts = []
    for layer in grams.values():
        rows, columns = torch.triu_indices(*layer.shape, device=layer.device)
        doubled = torch.where(rows == columns, 1.0, 2.0**0.5).to(layer.dtype)
        upper = layer[rows, columns] * doubled
        rooted = upper.sign() * upper.abs().sqrt()
        parts.append(rooted / rooted.norm().clamp_min(1e-12))
    descriptor: torch.Tensor = torch.cat(parts) / len(parts) ** 0.5
    return descriptor


def _size(picture: torch.Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]
