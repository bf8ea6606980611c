"""Reliability mask of an optical flow: where it may be trusted (Ruder et al. 2016, section 4.2)."""

import math
from typing import Final

import torch
from torch.nn import functional as F

from stylecli.video.warping import positions, sample

_SIGMA: Final = 0.8  # pixels by which a rejection grows
_RADIUS: Final = 3


def reliability_mask(flow: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Mask (1, H, W) in [0, 1] of a flow to another frame, by the flow back from there.

    0 where the other frame does not show the place, where objects part, and beyond the border:

        |f + b(x + f)|² ≥ 0.01 (|f|² + |b(x + f)|²) + 0.5
        |∇u|² + |∇v|² > 0.01 |f|² + 0.002

    The constants are in pixels: of the size at which flow is computed.
    """
    returned = sample(back, flow)
    length = flow.square().sum(0)
    gap = (flow + returned).square().sum(0)
    disoccluded = gap >= 0.01 * (length + returned.square().sum(0)) + 0.5
    slope = sum(_derivative(flow, dim).square().sum(0) for dim in (1, 2))
    edge = slope > 0.01 * length + 0.002
    x, y = positions(flow)
    height, width = flow.shape[-2:]
    outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    kept = (~(disoccluded | edge | outside)).to(flow.dtype)[None]
    return torch.minimum(kept, _blur(kept))


def without(mask: torch.Tensor, *nearer: torch.Tensor) -> torch.Tensor:
    """A mask where no nearer frame is trusted (equation 9): each place follows one frame."""
    for other in nearer:
        mask = (mask - other).clamp_min(0.0)
    return mask


def _derivative(flow: torch.Tensor, dim: int) -> torch.Tensor:
    """Central differences along an axis, the border replicated."""
    padded = F.pad(flow[None], (1, 1, 1, 1), mode="replicate")[0]
    inner = padded.narrow(3 - dim, 1, flow.shape[3 - dim])
    count = flow.shape[dim]
    return (inner.narrow(dim, 2, count) - inner.narrow(dim, 0, count)) / 2


def _blur(mask: torch.Tensor) -> torch.Tensor:
    offsets = range(-_RADIUS, _RADIUS + 1)
    kernel = torch.tensor([math.exp(-0.5 * (x / _SIGMA) ** 2) for x in offsets])
    kernel = kernel / kernel.sum()
    padded = F.pad(mask[None], (_RADIUS,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(across, kernel.view(1, 1, -1, 1))[0].clamp(0.0, 1.0)
