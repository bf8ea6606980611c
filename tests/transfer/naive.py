"""What octaves are made of, in differentiable operations that leave no doubt."""

import torch
from torch.nn import functional as F


def halved(picture: torch.Tensor) -> torch.Tensor:
    """Every second pixel after (1, 3, 3, 1)/8 both ways, edges continued."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=picture.dtype) / 8
    channels = picture.shape[1]
    kernel = torch.outer(row, row).expand(channels, 1, 4, 4)
    return F.conv2d(padded, kernel, stride=2, groups=channels)


def continued(picture: torch.Tensor, margin: int) -> torch.Tensor:
    """Mirrored at its edges, the pixels at the edge twice."""
    height, width = picture.shape[-2:]
    rows, columns = _mirrored(height, margin), _mirrored(width, margin)
    return picture[..., rows, :][..., columns]


def counted(features: torch.Tensor, size: torch.Size, margin: int, stride: int) -> torch.Tensor:
    """The positions inside a picture of `size`, of features of it continued by `margin`."""
    height, width = (side // stride for side in size[-2:])
    first = margin // stride
    return features[..., first : first + height, first : first + width]


def _mirrored(side: int, margin: int) -> list[int]:
    inside = list(range(side))
    return inside[:margin][::-1] + inside + inside[side - margin :][::-1]
