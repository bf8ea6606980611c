"""Masks: grey ones are one region and the rest, coloured ones a region for each colour."""

from typing import Final

import torch

from stylecli.errors import InputError
from stylecli.images.picture import Picture
from stylecli.messages import escaped

MAX_REGIONS: Final = 8
_GRAY: Final = 1.5 / 255  # channels that differ by less are one grey
_NEAR: Final = 0.12  # distance in RGB within which pixels belong to a colour: JPEG blurs edges
_SMALLEST: Final = 0.002  # share of the picture that makes a colour a region

Colour = tuple[float, float, float]


def mask_of(picture: Picture) -> torch.Tensor:
    """A mask's pixels, (3, H, W) in [0, 1]; transparency counts as black."""
    return picture.pixels if picture.alpha is None else picture.pixels * picture.alpha


def is_gray(mask: torch.Tensor) -> bool:
    """Whether a mask (3, H, W) holds no colour: then it is one region, white, and the rest."""
    return float((mask.amax(0) - mask.amin(0)).max()) <= _GRAY


def colors_of(mask: torch.Tensor, name: str) -> tuple[Colour, ...]:
    """The colours that a coloured mask has regions of, the brightest first.

    Raises `InputError` where there are none or too many, as in a photograph.
    """
    coarse = (mask * 15).round().flatten(1).T  # 16 levels a channel
    values, counts = torch.unique(coarse, dim=0, return_counts=True)
    enough = counts >= _SMALLEST * coarse.shape[0]
    found: list[Colour] = []
    for value in values[enough][counts[enough].argsort(descending=True)] / 15:
        if all(float((value - torch.tensor(other)).norm()) > 2 * _NEAR for other in found):
            found.append((float(value[0]), float(value[1]), float(value[2])))
    if not 1 <= len(found) <= MAX_REGIONS:
        raise InputError(
            f"{escaped(name)} has {len(found)} colours that cover more than a spot: a mask is "
            f"grey, or has at most {MAX_REGIONS} plain colours."
        )
    return tuple(sorted(found, key=sum, reverse=True))


def regions_of(mask: torch.Tensor, colors: tuple[Colour, ...] | None) -> list[torch.Tensor]:
    """Soft masks (1, H, W) that add up to 1: white and black of a grey mask, or each colour.

    A pixel between colours, as at a blurred edge, belongs to each by its nearness.
    """
    if colors is None:
        white = mask.mean(0, keepdim=True)
        return [white, 1.0 - white]
    distances = torch.stack(
        [(mask - torch.tensor(color).view(3, 1, 1)).norm(dim=0) for color in colors]
    )
    shares = torch.softmax(-((distances / _NEAR) ** 2), 0)
    return [share.unsqueeze(0) for share in shares]


def check_shape(mask: torch.Tensor, picture: torch.Tensor, name: str, of: str) -> None:
    """Raise `InputError` unless a mask has its picture's shape, whatever its size."""
    (h, w), (height, width) = mask.shape[-2:], picture.shape[-2:]
    if abs(h * width - w * height) > 0.02 * max(h * width, w * height) + max(width, height):
        raise InputError(
            f"the mask {escaped(name)} is {w}x{h} pixels and {escaped(of)} is {width}x{height}: "
            "give it the same shape."
        )


def covers(mask: torch.Tensor) -> bool:
    """Whether a region is more than a spot."""
    return float(mask.mean()) >= _SMALLEST
