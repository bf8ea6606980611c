"""What a frame of a clip has besides a still picture: temporal targets, and a shorter run."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class TemporalTarget:
    """Temporal target: an image (3, h, w) that the result stays near where `mask` (1, h, w) is 1.

    `weight` is that of its relative loss Σ m‖G − W‖² / Σ m‖W − W̄‖² (Ruder et al. 2016, equation 6,
    divided by the image's own variance).
    """

    image: torch.Tensor
    mask: torch.Tensor
    weight: float


@dataclass(frozen=True)
class Continuation:
    """A shorter run from `Request.init`: at the finest `scales`, a `share` of their iterations."""

    scales: int
    share: float
