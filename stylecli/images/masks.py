"""Masks: gray ones are one region and the rest, colored ones a region for each color."""

import itertools
from typing import Final

import torch
from torch.nn import functional as F

from stylecli.errors import InputError
from stylecli.images.picture import Picture
from stylecli.messages import escaped

MAX_REGIONS: Final = 8
_COLORED: Final = 0.15  # channels that differ by less are a gray, with a tint or with JPEG noise
_NEAR: Final = 0.12  # distance in RGB within which pixels belong to a color: JPEG blurs edges
_EQUAL: Final = 0.06  # distance within which they have it, where it is plain
_SMALLEST: Final = 0.002  # share of the picture that makes a color a region
_MARK: Final = 0.05  # share of the picture up to which color in a soft mask is a mark on it
_PLAIN: Final = 0.6  # share of a mask that has one of its plain colors; the rest is soft edges
_INSIDE: Final = 0.25  # share of a color's pixels that are inside of it, unless it is an edge
_CONCENTRATED: Final = 0.7  # share of the pixels near a plain color that have it; half in a ramp

RGB = tuple[float, float, float]


def mask_of(picture: Picture, name: str) -> torch.Tensor:
    """A mask's pixels, (3, H, W) in [0, 1]; of a cut-out its alpha.

    Raises `InputError` where what can be seen of a cut-out might be a mask, too.
    """
    alpha = picture.visible
    if alpha is None:
        return picture.pixels
    seen = picture.pixels[:, alpha[0] >= 0.5 * float(alpha.max())][:, None]
    one_color = _share_near(seen, seen.mean((1, 2)), _NEAR) >= 1.0 - _MARK
    if not one_color and (is_gray(seen) or _few_colors(seen)):
        raise InputError(
            f"{escaped(name)} is transparent in part and has several grays or plain colors: make "
            "it opaque for these to be the mask, or of one color for its alpha to be the mask."
        )
    return alpha.expand(3, -1, -1)


def is_gray(mask: torch.Tensor) -> bool:
    """Whether a mask (3, H, W) is gray: one region, white, and the rest.

    It is if it has no colors, or if it is soft and they are no more than a mark.
    """
    colored = mask.amax(0) - mask.amin(0) > _COLORED
    share = float(colored.float().mean())
    if not _SMALLEST <= share < _MARK:
        return share < _SMALLEST
    return sum(_share_near(mask, mean, _NEAR) for _, mean in _plain_colors(mask)) < 1.0 - _MARK


def colors_of(mask: torch.Tensor, name: str) -> tuple[RGB, ...]:
    """The colors that a colored mask has regions of, the brightest first.

    Raises `InputError` where it is not made of a few plain ones, as a photograph.
    """
    plain_colors = _few_colors(mask)
    if not plain_colors:
        raise InputError(
            f"{escaped(name)} is neither gray nor made of a few plain colors: a mask is gray, or "
            f"has at most {MAX_REGIONS} plain colors that cover more than a spot."
        )
    return tuple(sorted(plain_colors, key=sum, reverse=True))


def _few_colors(mask: torch.Tensor) -> list[RGB]:
    """The colors that a mask is made of, or none where they are many or it is something else."""
    plain_colors = _plain_colors(mask)
    plain = sum(_share_near(mask, mean, _EQUAL) for _, mean in plain_colors)
    few = len(plain_colors) <= MAX_REGIONS and plain >= _PLAIN
    return [color for color, _ in plain_colors] if few else []


def _plain_colors(mask: torch.Tensor) -> list[tuple[RGB, torch.Tensor]]:
    """Colors at which pixels gather, the most frequent first, and the means of these pixels.

    Where colors run into each other, as at a soft edge, pixels are spread and do not gather.
    """
    coarse = (mask * 15).round().flatten(1).T  # 16 levels a channel
    values, counts = torch.unique(coarse, dim=0, return_counts=True)
    enough = counts >= _SMALLEST * coarse.shape[0]
    plain_colors: list[tuple[RGB, torch.Tensor]] = []
    for value in values[enough][counts[enough].argsort(descending=True)]:
        color = value / 15
        if any(
            float((color - torch.tensor(other)).norm()) <= 2 * _NEAR for other, _ in plain_colors
        ):
            continue
        mean = mask.flatten(1)[:, (coarse == value).all(1)].mean(1)
        gather = _share_near(mask, mean, _EQUAL) >= _CONCENTRATED * _share_near(mask, mean, _NEAR)
        if gather and not _is_edge(mask, mean, [other for _, other in plain_colors]):
            plain_colors.append(((float(color[0]), float(color[1]), float(color[2])), mean))
    return plain_colors


def _is_edge(mask: torch.Tensor, color: torch.Tensor, others: list[torch.Tensor]) -> bool:
    """Whether a color is a mixture of two others and nowhere 3 pixels wide, as a blurred edge."""
    mixed = False
    for a, b in itertools.combinations(others, 2):
        share = ((color - a) @ (b - a) / (b - a).square().sum()).clamp(0.0, 1.0)
        mixed = mixed or float((torch.lerp(a, b, share) - color).norm()) <= _NEAR
    if not mixed:
        return False
    far = ((mask - color.view(3, 1, 1)).norm(dim=0) > _NEAR).float()
    inside = F.max_pool2d(far[None], 3, 1, 1) == 0.0
    return float(inside.sum()) < _INSIDE * float((1.0 - far).sum())


def _share_near(mask: torch.Tensor, color: torch.Tensor, distance: float) -> float:
    """The share of a mask (3, H, W) within a distance of a color (3,)."""
    near = (mask - color.view(3, 1, 1)).norm(dim=0) <= distance
    return float(near.float().mean())


def regions_of(mask: torch.Tensor, colors: tuple[RGB, ...] | None) -> list[torch.Tensor]:
    """Soft masks (1, H, W) that add up to 1: white and black of a gray mask, or each color.

    A pixel between colors, as at a blurred edge, belongs to each by its nearness.
    """
    if colors is None:
        white = mask.mean(0, keepdim=True)
        return [white, 1.0 - white]
    distances = torch.stack(
        [(mask - torch.tensor(color).view(3, 1, 1)).norm(dim=0) for color in colors]
    )
    shares = torch.softmax(-((distances / _NEAR) ** 2), 0)
    return [share.unsqueeze(0) for share in shares]


def check_shape(one: torch.Tensor, picture: torch.Tensor, name: str, of: str) -> None:
    """Raise `InputError` unless a mask or start has its picture's shape, whatever its size."""
    (h, w), (height, width) = one.shape[-2:], picture.shape[-2:]
    if abs(h * width - w * height) > 0.02 * max(h * width, w * height) + max(width, height):
        raise InputError(
            f"{name} is {w}x{h} pixels and {of} is {width}x{height}: give it the same shape."
        )


def covers(mask: torch.Tensor) -> bool:
    """Whether a region is more than a spot."""
    return float(mask.mean()) >= _SMALLEST
