"""How a frame follows those before it: its start, its temporal targets, and their weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from stylecli.images.color_transfer import luminance, match_moments
from stylecli.settings import BALANCED_RATIO, Settings
from stylecli.transfer import Request
from stylecli.transfer.resample import Size, resize, resize_mask
from stylecli.transfer.temporal_target import Continuation, TemporalTarget
from stylecli.video.motion import Motion
from stylecli.video.warping import resize_flow, warp

WEIGHT: Final = 20.0  # of the temporal loss in the middle of --temporal: see docs/video.md
STEEPEST: Final = 0.99  # past this --temporal 1 would be all weight
SCALES: Final = 2  # finest scales at which a frame is optimized
NEW: Final = 0.3  # share of the picture without a trusted past from which one scale more is run
SHARE: Final = 0.3  # of a still picture's iterations
SMOOTH: Final = 16  # pixels whose mean stands for the content where nothing is known
LEAST_SEEN: Final = 1e-3  # share of the picture that a target must cover


@dataclass(frozen=True)
class Past:
    """An earlier frame's result moved to where this frame has it, with its mask (1, h, w)."""

    image: torch.Tensor
    mask: torch.Tensor


def temporal_weight(temporal: float, settings: Settings) -> float:
    """Weight of the temporal loss: t/(1 − t) to the power 1.5, as that of --strength.

    In proportion to the content's weight α, or to β where that is larger than balanced.
    """
    t = min(temporal, STEEPEST)
    alpha, beta = settings.loss_weights()
    return WEIGHT * max(alpha, beta / BALANCED_RATIO) * float((t / (1.0 - t)) ** 1.5)


def past_images(
    motions: Sequence[Motion],
    result_at: Callable[[int], torch.Tensor],
    settings: Settings,
    trusted: Callable[[int, torch.Tensor, Size], torch.Tensor | float],
) -> list[Past]:
    """Results of earlier frames, by their places in the shot, moved to the current one.

    `trusted` weighs places, by a frame, its flow and the size, besides the motion's mask.
    """
    past = []
    for motion in motions:
        image = result_at(motion.place)
        size: Size = (image.shape[-2], image.shape[-1])
        flow = resize_flow(motion.flow, size)
        moved = warp(image, flow)
        if settings.color == "content":  # such a run sees luminance alone
            moved = luminance(moved)
        mask = resize_mask(motion.mask[None], size)[0].clamp(0.0, 1.0)
        past.append(Past(moved, mask * trusted(motion.place, flow, size)))
    return past


def following_request(
    request: Request, past: Sequence[Past], temporal: float, start: torch.Tensor | None = None
) -> Request:
    """The request of a frame with a past: shorter, and held to it.

    It begins from its past, and where nothing of that can be trusted from `start`, by default the
    content's own low frequencies in the colors of the past.
    """
    unknown = 1.0 - torch.stack([one.mask for one in past]).sum(0).clamp(0.0, 1.0)
    fallback = _filling(request.content, past[0].image) if start is None else start
    first = fallback * unknown + sum(one.image * one.mask for one in past)
    weight = temporal_weight(temporal, request.settings)
    targets = [
        TemporalTarget(one.image, one.mask, weight * seen)
        for one in past
        if (seen := float(one.mask.mean())) > LEAST_SEEN
    ]
    scales = SCALES + (float(unknown.mean()) > NEW)
    return replace(
        request,
        init=first.clamp(0.0, 1.0),
        temporal=targets,
        continuation=Continuation(scales, SHARE),
    )


def _filling(content: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Low frequencies of the content with the mean and covariance of another image's colors."""
    size: Size = (like.shape[-2], like.shape[-1])
    small = max(1, size[0] // SMOOTH), max(1, size[1] // SMOOTH)
    return match_moments(resize(resize(content[None], small), size)[0], like)
