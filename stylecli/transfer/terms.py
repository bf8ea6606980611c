"""What an objective is made of: its targets, its weights, and the values it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch

from stylecli.layers import LayerWeights
from stylecli.settings import LossKind
from stylecli.transfer import losses
from stylecli.transfer.octaves import Level
from stylecli.transfer.resample import Size

COARSE_SIDE: Final = 250  # pixels of the short side, under which a scale counts as small


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


def target_of(value: torch.Tensor) -> Target:
    """A target with its norm."""
    return Target(value, losses.squared_norm(value))


@dataclass(frozen=True)
class Weights:
    """One picture's weights; a style layer's weight is its share of 1.

    `coarse_content` are the content layers of small scales: see `content_at`.
    """

    alpha: float
    beta: float
    tv: float
    chroma_tv: float
    content: LayerWeights
    style: LayerWeights
    kind: LossKind = "relative"
    coarse_content: LayerWeights | None = None

    def content_at(self, size: Size) -> LayerWeights:
        """The content layers of a scale of `size`.

        A position of relu4_2 sees 92 pixels, half of a picture of 192 rows: it hardly says where
        things are, and edges run on to the picture's border as straight bands. A shallower layer
        that joins it at small scales says so (benchmarks/README.md, The encoder).
        """
        small = self.coarse_content is not None and min(size) < COARSE_SIDE
        return self.coarse_content if small and self.coarse_content else self.content


@dataclass(frozen=True)
class Region:
    """A part of the picture with a style of its own; the whole picture where `guides` is `None`.

    `grams` are the Gram matrices wanted, (B, C, C) by layer. `guides` are maps (1, 1, h, w) in
    [0, 1] by layer that features are multiplied with (Gatys et al. 2017, section 4.2), and
    `positions` the sums of their squares. `share` is the region's part of the style loss.
    """

    grams: Mapping[str, Target]
    share: float = 1.0
    guides: Mapping[str, torch.Tensor] | None = None
    positions: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Octave:
    """The style at one level, which is half the size of the one before, and its weight."""

    level: Level
    regions: tuple[Region, ...]
    weight: float
