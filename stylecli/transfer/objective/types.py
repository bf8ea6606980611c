"""Types of an objective: targets of layers, regions, octaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from stylecli.transfer.objective import losses
from stylecli.transfer.objective.octaves import Level


class Target(NamedTuple):
    """Target of a layer, features or Gram matrices, and ‖target‖² (B,)."""

    value: torch.Tensor
    squared_norm: torch.Tensor


def target_of(value: torch.Tensor) -> Target:
    """A target with its norm."""
    return Target(value, losses.squared_norm(value))


@dataclass(frozen=True)
class Region:
    """Guided region with a style of its own; the whole picture where `guides` is `None`.

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
    """Octave of the style loss: half the size of the one before, its regions and weight."""

    level: Level
    regions: tuple[Region, ...]
    weight: float
