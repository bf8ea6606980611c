"""Evaluation of a finished picture: relative losses at full, half and quarter size."""

from dataclasses import replace
from typing import Final

import torch

from stylecli.encoder import Encoder
from stylecli.errors import MemoryLimitError
from stylecli.settings import Compute, Settings
from stylecli.transfer.compute.device import resolve
from stylecli.transfer.memory_plan import memory_limit, plans
from stylecli.transfer.objective.targets import Targets, weights_of
from stylecli.transfer.request import Part, Source, Subject
from stylecli.transfer.resample import fit, half, halve, resize, resize_mask

REPORTED_OCTAVES: Final = 3

Pyramid = tuple[tuple[float, float], ...]  # (content, style), finest size first


def relative_pyramid(
    encoder: Encoder,
    content: torch.Tensor,
    style: torch.Tensor,
    image: torch.Tensor,
    compute: Compute | None = None,
) -> Pyramid:
    """Relative content and style loss of a picture at full, half and quarter size.

    Pictures are (1, 3, H, W) in [0, 1]; the encoder's own layers are compared.
    """
    compute = compute or Compute()
    device, dtype = resolve(compute)
    settings = Settings(encoder=encoder.spec.name)
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    subject = Subject(content, (Part((Source(style),)),), weights_of(encoder, settings))
    return pyramid_of(targets, subject, image, compute)


def pyramid_of(
    targets: Targets, subject: Subject, image: torch.Tensor, compute: Compute
) -> Pyramid:
    """Relative losses of a finished image (1, 3, H, W) at full, half and quarter size.

    Fewer sizes where the smaller ones have no deepest layer, or memory is short: the picture is
    finished, and a report is not worth losing it.
    """
    size = image.shape[-2], image.shape[-1]
    subject = replace(
        subject,
        content=resize(subject.content, size),
        parts=tuple(_fitted(part, max(size)) for part in subject.parts),
        weights=replace(subject.weights, kind="relative"),
    )
    limit = memory_limit(targets.extractor.device, compute.max_bytes)
    pyramid: list[tuple[float, float]] = []
    while len(pyramid) < REPORTED_OCTAVES and min(size) >= targets.size_needed:
        try:
            plan = next(plans(targets.extractor, size, tile=compute.tile_side, limit=limit))
        except MemoryLimitError:
            break
        objective = targets.one_octave(subject, size, plan.tile, len(pyramid))
        content, style = objective.measure(image)
        pyramid.append((float(content), float(style)))
        image, size = halve(image), half(size)
        parts = tuple(map(_halved, subject.parts))
        subject = replace(subject, content=halve(subject.content), parts=parts)
    return tuple(pyramid)


def _fitted(part: Part, long_side: int) -> Part:
    """A part with its styles resized to where they are compared."""
    return replace(part, sources=tuple(_resized(source, long_side) for source in part.sources))


def _resized(source: Source, long_side: int) -> Source:
    shape = source.picture.shape[-2], source.picture.shape[-1]
    size = fit(shape, max(1, round(long_side * source.scale)))
    mask = None if source.mask is None else resize_mask(source.mask, size)
    return replace(source, picture=resize(source.picture, size), mask=mask, given=())


def _halved(part: Part) -> Part:
    def smaller(source: Source) -> Source:
        mask = None if source.mask is None else halve(source.mask)
        return replace(source, picture=halve(source.picture), mask=mask, given=())

    mask = None if part.mask is None else halve(part.mask)
    return Part(tuple(map(smaller, part.sources)), mask)
