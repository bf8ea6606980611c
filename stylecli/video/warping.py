"""Backward warping by an optical flow: W(x) = image(x + flow(x)), borders replicated.

Flows are (2, H, W) in pixels, right and down, of the frame that is made to another one.
"""

import torch
from torch.nn import functional as F

from stylecli.transfer.resample import Size, resize_mask


def warp(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """An image (3, H, W) in [0, 1] moved by a flow, with Catmull-Rom interpolation.

    Bilinear interpolation blurs a little each time, and over a shot that adds up.
    """
    height, width = image.shape[-2:]
    x, y = positions(flow)
    left, top = x.floor(), y.floor()
    columns = _weights(x - left)
    rows = _weights(y - top)
    warped = torch.zeros_like(image)
    for down, row_weight in enumerate(rows, -1):
        row = (top + down).clamp(0, height - 1).long() * width
        for right, column_weight in enumerate(columns, -1):
            place = row + (left + right).clamp(0, width - 1).long()
            warped += image.flatten(1)[:, place.flatten()].view_as(image) * (
                row_weight * column_weight
            )
    return warped.clamp_(0.0, 1.0)


def sample(field: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """A field (C, H, W), such as another flow, moved by a flow, with bilinear interpolation."""
    height, width = field.shape[-2:]
    x, y = positions(flow)
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), -1)
    return F.grid_sample(field[None], grid[None], padding_mode="border", align_corners=False)[0]


def compose_flows(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The flow of two in a row: first(x) + second(x + first(x))."""
    return first + sample(second, first)


def positions(flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each pixel comes from: columns and rows, (H, W) each."""
    height, width = flow.shape[-2:]
    columns = torch.arange(width, dtype=flow.dtype)
    rows = torch.arange(height, dtype=flow.dtype)[:, None]
    return columns + flow[0], rows + flow[1]


def resize_flow(flow: torch.Tensor, size: Size) -> torch.Tensor:
    """A flow at another size, in the pixels of that."""
    height, width = flow.shape[-2:]
    factors = torch.tensor([size[1] / width, size[0] / height])[:, None, None]
    return resize_mask(flow[None], size)[0] * factors


def _weights(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Catmull-Rom weights of the four neighbors at a distance t in [0, 1) past the second."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
