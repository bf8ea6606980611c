"""Whose colors a picture has: formulas of Gatys et al. 2017 (arXiv 1611.07865, section 5).

Pictures are (3, H, W) float32 in [0, 1], sRGB; luminance and chroma are those of YIQ (NTSC).
Where statistics are taken, each picture may come with weights (1, H, W), such as its alpha.
"""

import functools
from typing import Final

import numpy as np
import torch

Weight = torch.Tensor | None

_TO_YIQ: Final = (
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)
_FLAT: Final = 1e-6  # variance below which a channel is taken for constant


def luminance(picture: torch.Tensor) -> torch.Tensor:
    """Y of a picture, as a gray picture (3, H, W)."""
    return (_yiq(picture)[:1]).expand(3, -1, -1).contiguous()


def match_luminance(
    style: torch.Tensor, content: torch.Tensor, style_weight: Weight = None, weight: Weight = None
) -> torch.Tensor:
    """The style in gray, with mean and spread of the content's luminance.

    L' = (L − μ_S)·σ_C/σ_S + μ_C (section 5.3), clipped to [0, 1].
    """
    gray = luminance(style)
    gray_mean, gray_std = _mean_and_std(gray, style_weight)
    mean, std = _mean_and_std(luminance(content), weight)
    return ((gray - gray_mean) * (std / gray_std.clamp_min(_FLAT**0.5)) + mean).clamp(0.0, 1.0)


def transfer_luminance(result: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    """The result's luminance with the content's chroma; `content` has the result's size."""
    mixed = torch.cat([_yiq(result)[:1], _yiq(content)[1:]])
    return _from_yiq(mixed)


def match_moments(
    style: torch.Tensor, content: torch.Tensor, style_weight: Weight = None, weight: Weight = None
) -> torch.Tensor:
    """The style with the content's mean color and covariance, clipped to [0, 1].

    x' = A(x − μ_S) + μ_C with A = Σ_C^½ Σ_S^−½ (section 5.2: symmetric roots, which turn
    colors less than Cholesky factors do).
    """
    mean_style, root_style = _moments(style, style_weight)
    mean_content, root_content = _moments(content, weight)
    change = root_content @ torch.linalg.inv(root_style)
    flat = style.flatten(1).double() - mean_style
    matched: torch.Tensor = change @ flat + mean_content
    return matched.view_as(style).to(style.dtype).clamp(0.0, 1.0)


def match_histograms(
    result: torch.Tensor, content: torch.Tensor, weight: Weight = None
) -> torch.Tensor:
    """The result with the content's distribution of values in each channel of YIQ.

    Each value is replaced by the content's at the same rank. With a weight, which counts for
    both, they have one size; else sizes may differ.
    """
    values, wanted = _yiq(result).flatten(1), _yiq(content).flatten(1)
    at_same_rank = _at_same_rank
    if weight is not None:
        at_same_rank = functools.partial(_at_weighted_rank, weight=weight.flatten())
    matched = torch.stack([at_same_rank(a, b) for a, b in zip(values, wanted, strict=True)])
    return _from_yiq(matched.view_as(result))


def _at_same_rank(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """For each of n values the one of `wanted` (m) with the same rank, interpolated."""
    order = torch.argsort(values, stable=True)
    ranked = torch.sort(wanted).values
    places = torch.linspace(0, len(ranked) - 1, len(values), dtype=torch.float64)
    below = places.floor().long()
    above = (below + 1).clamp_max(len(ranked) - 1)
    interpolated = torch.lerp(ranked[below].double(), ranked[above].double(), places - below)
    matched = torch.empty_like(values)
    matched[order] = interpolated.to(values.dtype)
    return matched


def _at_weighted_rank(
    values: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """For each of n values the one of `wanted` (n) at the same rank, where pixels have weights."""

    def ranks(of: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        order = torch.argsort(of, stable=True)
        ordered = weight[order].double()
        return order, ordered.cumsum(0) - 0.5 * ordered

    order, places = ranks(values)
    ranked, known = ranks(wanted)
    counted = weight[ranked] > 0.0
    interpolated = np.interp(places, known[counted], wanted[ranked][counted].double())
    matched = torch.empty_like(values)
    matched[order] = torch.from_numpy(interpolated).to(values.dtype)
    return matched


def _mean_and_std(channel: torch.Tensor, weight: Weight) -> tuple[torch.Tensor, torch.Tensor]:
    if weight is None:
        return channel.mean(), channel.std()
    share = weight / weight.sum()
    mean = (channel[:1] * share).sum()
    return mean, ((channel[:1] - mean).square() * share).sum().sqrt()


def _moments(picture: torch.Tensor, weight: Weight) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean color (3, 1) and symmetric root of the covariance (3, 3), kept off singular."""
    flat = picture.flatten(1).double()
    if weight is None:
        mean = flat.mean(1, keepdim=True)
        covariance = (flat - mean) @ (flat - mean).T / flat.shape[1]
    else:
        share = weight.flatten().double() / weight.double().sum()
        mean = (flat * share).sum(1, keepdim=True)
        covariance = ((flat - mean) * share) @ (flat - mean).T
    values, vectors = torch.linalg.eigh(covariance)
    return mean, vectors @ torch.diag(values.clamp_min(_FLAT).sqrt()) @ vectors.T


def _yiq(picture: torch.Tensor) -> torch.Tensor:
    return _apply(torch.tensor(_TO_YIQ, dtype=picture.dtype), picture)


def _from_yiq(picture: torch.Tensor) -> torch.Tensor:
    inverse: torch.Tensor = torch.linalg.inv(torch.tensor(_TO_YIQ, dtype=picture.dtype))
    return _apply(inverse, picture).clamp(0.0, 1.0)


def _apply(matrix: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    return (matrix @ picture.flatten(1)).view_as(picture)
