"""What the frozen encoder sees in a picture, and how far apart two pictures are in it.

The siamese comparison: one network encodes both pictures, and a distance between the codes is
what decides. Distances are 0 for the same picture, symmetric, and at most 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from stylecli.encoder import Encoder
from stylecli.layers import LayerWeights
from stylecli.settings import Settings
from stylecli.transfer.losses import gram
from stylecli.transfer.octaves import SMALLEST_OCTAVE
from stylecli.transfer.resample import Size, fit, halve, reductions, resize
from stylecli.transfer.targets import weights_of
from stylecli.transfer.trunk import Trunk

LONG_SIDE: Final = 512  # pixels at which pictures are looked at, at most
OCTAVES: Final = 3

Grams = dict[str, torch.Tensor]  # (C, C) by layer


@dataclass(frozen=True)
class Distances:
    """Content and style distance of two pictures; `layers` has the style's at each layer."""

    content: float
    style: float
    layers: Mapping[str, float]


class Eye:
    """Looks at pictures (3, H, W) in [0, 1] through an encoder, in float32.

    The layers are the encoder's own, whatever a picture was made with.
    """

    def __init__(self, encoder: Encoder, device: torch.device) -> None:
        weights = weights_of(encoder, Settings())
        self.content, self.style = weights.content, weights.style

        def trunk(layers: LayerWeights) -> Trunk:
            names = [name for name, _ in layers]
            return Trunk(encoder, names, dtype=torch.float32, device=device)

        self.content_trunk, self.style_trunk = trunk(self.content), trunk(self.style)
        self.device = device

    def distances(self, a: torch.Tensor, b: torch.Tensor, long_side: int = LONG_SIDE) -> Distances:
        """How far apart two pictures are, looked at with equal long sides."""
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
        image = self._seen(picture, long_side)
        smallest = max(SMALLEST_OCTAVE, self.style_trunk.smallest_side)
        found = [self._grams(image)]
        for _ in reductions(_size(image), octaves, smallest)[1:]:
            image = halve(image)
            found.append(self._grams(image))
        return found

    def code(self, picture: torch.Tensor, long_side: int = LONG_SIDE) -> torch.Tensor:
        """The picture's code as a style, (n,) of length 1 on the CPU; see `code_of`."""
        return code_of(self.grams(picture, long_side, octaves=1)[0]).cpu()

    @torch.no_grad()
    def content_distance(self, a: torch.Tensor, b: torch.Tensor, long_side: int) -> float:
        """Distance of features at the same places, of two pictures brought to one shape."""
        size = self._common(a, b, long_side)
        total = weight_sum = 0.0
        seen = [self._forward(resize(picture[None].to(self.device), size)) for picture in (a, b)]
        for name, weight in self.content:
            total += weight * symmetric_distance(seen[0][name], seen[1][name])
            weight_sum += weight
        return total / weight_sum

    def _weighted(self, layers: Mapping[str, float]) -> float:
        return sum(weight * layers[name] for name, weight in self.style)  # shares of 1

    def _seen(self, picture: torch.Tensor, long_side: int) -> torch.Tensor:
        """(1, 3, h, w) at a size, a very long one raised to the least height."""
        size = fit(_size(picture), long_side)
        least = self.style_trunk.smallest_side
        if min(size) < least:
            size = (max(size[0], least), max(size[1], least))
        return resize(picture[None].to(self.device), size).clamp(0.0, 1.0)

    def _common(self, a: torch.Tensor, b: torch.Tensor, long_side: int) -> Size:
        """One size for both: the long side, and the geometric mean of their aspects."""
        aspect = (a.shape[-1] * b.shape[-1] / (a.shape[-2] * b.shape[-2])) ** 0.5
        least = self.content_trunk.smallest_side
        height, width = long_side / max(1.0, aspect), long_side * min(1.0, aspect)
        return max(least, round(height)), max(least, round(width))

    def _forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.content_trunk.forward(image, keep=False).features

    def _grams(self, image: torch.Tensor) -> Grams:
        features = self.style_trunk.forward(image, keep=False).features
        return {name: gram(features[name])[0] for name, _ in self.style}


def style_distances(a: Sequence[Grams], b: Sequence[Grams]) -> dict[str, float]:
    """The distance at each layer, the mean over the sizes that both were looked at."""
    found = {}
    for name in a[0]:
        pairs = list(zip(a, b, strict=False))
        found[name] = sum(symmetric_distance(x[name], y[name]) for x, y in pairs) / len(pairs)
    return found


def symmetric_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """2·‖x − y‖² / (‖x‖² + ‖y‖²): the relative loss, made symmetric; 0 where both are 0.

    At most 2 for Gram matrices and for features behind a ReLU, whose inner products are not
    negative.
    """
    scale = float(x.double().square().sum() + y.double().square().sum())
    return 0.0 if scale == 0.0 else 2.0 * float((x - y).double().square().sum()) / scale


def code_of(grams: Grams) -> torch.Tensor:
    """A style's code (n,), of length 1: what galleries hold and compare.

    Each layer's Gram matrix, its upper triangle (off the diagonal times √2, so that distances
    are the matrices'), under a signed square root and at length 1, as bilinear features are
    normalised by Lin et al. 2015 (arXiv 1504.07889, section 3.1).
    """
    parts = []
    for layer in grams.values():
        rows, columns = torch.triu_indices(*layer.shape, device=layer.device)
        upper = layer[rows, columns] * torch.where(rows == columns, 1.0, 2.0**0.5)
        rooted = upper.sign() * upper.abs().sqrt()
        parts.append(rooted / rooted.norm().clamp_min(1e-12))
    code: torch.Tensor = torch.cat(parts) / len(parts) ** 0.5
    return code


def _size(picture: torch.Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]
