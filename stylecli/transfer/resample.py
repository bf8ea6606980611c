"""Resizing, and its transpose: what carries a gradient back through a resize."""

import torch
from torch.nn import functional as F

Size = tuple[int, int]  # height, width


def resize(image: torch.Tensor, size: Size) -> torch.Tensor:
    """(B, C, H, W) to (B, C, *size), by bilinear interpolation with antialiasing; linear."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def resize_transposed(gradient: torch.Tensor, size: Size) -> torch.Tensor:
    """The transpose of `resize` from `size`: a gradient (B, C, h, w) to (B, C, *size)."""
    if tuple(gradient.shape[-2:]) == size:
        return gradient
    full: torch.Tensor = torch.ops.aten._upsample_bilinear2d_aa_backward(
        gradient.contiguous(), list(gradient.shape[-2:]), [*gradient.shape[:2], *size], False
    )
    return full


def fit(size: Size, long_side: int) -> Size:
    """The size with the given long side and the same aspect ratio, to the nearest pixel."""
    height, width = size
    if height >= width:
        return long_side, max(1, round(width * long_side / height))
    return max(1, round(height * long_side / width)), long_side


def enlarge(image: torch.Tensor, size: Size) -> torch.Tensor:
    """Upsample a picture between scales, bicubically: sharper than bilinear, kept in [0, 1]."""
    if tuple(image.shape[-2:]) == size:
        return image
    bigger = F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
    return bigger.clamp(0.0, 1.0)
