"""Temporal loss: how far a frame is from the frames before it, moved by the optical flow."""

import torch

from stylecli.transfer.optim.deterministic import each_alone
from stylecli.transfer.resample import Size, resize, resize_mask
from stylecli.transfer.temporal_target import TemporalTarget


class TemporalTerm:
    """Relative temporal loss δ·Σ m‖G − W‖² / Σ m‖W − W̄‖² at one size, with its gradient.

    W̄ is the mean color of W where the mask m is. Ruder et al. 2016 (arXiv 1604.08610), equation
    6, with the variance of W in place of the number of pixels: the weight keeps its meaning over
    sizes and pictures.
    """

    def __init__(self, target: TemporalTarget, size: Size) -> None:
        self.image = resize(target.image[None], size)
        mask = resize_mask(target.mask[None], size).clamp(0.0, 1.0)
        mean = _sum(mask * self.image) / _sum(mask).clamp_min(1e-8)
        variance = _sum(mask * (self.image - mean).square()).sum()
        self.factor = mask * (target.weight / variance.clamp_min(1e-8))

    def add_to(self, gradient: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """The weighted loss (1,) of an image (1, 3, H, W); adds its gradient in place."""
        difference = image - self.image
        weighted = difference * self.factor
        gradient.add_(weighted, alpha=2.0)
        return each_alone(lambda x, y: (x * y).sum(3).sum((1, 2)), difference, weighted)


def _sum(x: torch.Tensor) -> torch.Tensor:
    """Sums over places, (1, C, H, W) to (1, C, 1, 1), the same with any number of threads."""
    return each_alone(lambda one: one.sum(3).sum(2), x)[..., None, None]
