"""Evaluation of a finished picture: relative losses at full, half and quarter size."""

import math
from dataclasses import replace
from typing import Final

import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import MemoryLimitError
from stylecli.settings import Compute, Settings
from stylecli.transfer.compute.device import resolve
from stylecli.transfer.memory_model import InputMemory
from stylecli.transfer.memory_plan import memory_limit, plans
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.request import Request, Style, tensor_bytes
from stylecli.transfer.resample import Size, half, halve, resize, resize_mask

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
    request = Request(content[0], [Style(style[0])], settings)
    return pyramid_of(targets, request, image, compute)


def pyramid_of(
    targets: Targets, request: Request, image: torch.Tensor, compute: Compute
) -> Pyramid:
    """Relative losses of a finished image (1, 3, H, W) at full, half and quarter size.

    Fewer sizes where the smaller ones have no deepest layer, or memory is short: the picture is
    finished, and a report is not worth losing it.
    """
    size = image.shape[-2], image.shape[-1]
    content, visible = request.content_at(size)[0], request.visible_at(size)
    visible = None if visible is None else visible[0]
    styles = [_resized(style, style.size_beside(size)) for style in request.styles]
    kept = tensor_bytes(request)
    request = replace(request, content=content, styles=styles, visible=visible)
    limit = memory_limit(targets.extractor.device, compute.max_bytes)
    pyramid: list[tuple[float, float]] = []
    while len(pyramid) < REPORTED_OCTAVES and min(size) >= targets.size_needed:
        try:
            largest = max((style.size_beside(size) for style in styles), key=math.prod)
            offered = plans(
                targets.extractor,
                size,
                tile=compute.tile_side,
                limit=limit,
                inputs=InputMemory(kept, largest),
            )
            plan = next(offered)
        except MemoryLimitError:
            break
        tiling = StyleTiling(plan.style_tile)
        objective = targets.one_octave(request, size, plan.tile, len(pyramid), tiling)
        content_loss, style_loss = objective.measure(image)
        pyramid.append((float(content_loss), float(style_loss)))
        image, size = halve(image), half(size)
        request = _halved(request)
    return tuple(pyramid)


def _resized(style: Style, size: Size) -> Style:
    """A style at the size at which it is compared."""
    mask = None if style.mask is None else resize_mask(style.mask[None], size)[0]
    return replace(style, picture=resize(style.picture[None], size)[0], mask=mask, cached_by=())


def _halved(request: Request) -> Request:
    """Content, styles and masks at half their sizes."""
    styles = [
        replace(
            style,
            picture=_half_of(style.picture),
            mask=None if style.mask is None else _half_of(style.mask),
        )
        for style in request.styles
    ]
    regions = [_half_of(mask) for mask in request.regions]
    visible = None if request.visible is None else _half_of(request.visible)
    return replace(
        request, content=_half_of(request.content), styles=styles, regions=regions, visible=visible
    )


def _half_of(picture: torch.Tensor) -> torch.Tensor:
    return halve(picture[None])[0]
