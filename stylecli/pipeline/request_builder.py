"""Request builder: colors transferred, regions masked, styles weighted."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from stylecli.errors import InputError
from stylecli.images import color_transfer, masks
from stylecli.images.picture import Picture
from stylecli.messages import escaped
from stylecli.settings import Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.resample import resize_mask
from stylecli.transfer.schedule import style_scales

Part = tuple[int, int, torch.Tensor | None]  # a style, a region, and the part of the style


@dataclass(frozen=True)
class Masks:
    """A mask on the content and one for each style, or none, (3, H, W), with names for messages."""

    content: torch.Tensor
    styles: Sequence[torch.Tensor]
    name: str
    style_names: Sequence[str]


def compose(
    settings: Settings,
    content: Picture,
    styles: Sequence[Picture],
    init: Picture | None = None,
    divided: Masks | None = None,
) -> Request:
    """A request for pictures, in which pixels count by their alpha.

    Raises `InputError` for a start or masks that do not fit.
    """
    if init is not None:
        masks.check_shape(init.pixels, content.pixels, "the start picture", "the content")
    start = None if init is None else init.pixels
    pictures = [_recolored(style, content, settings) for style in styles]
    scales = style_scales(settings, (content.height, content.width), len(pictures))
    weights = settings.style_weights or (1.0,) * len(pictures)
    seen = content.pixels
    if settings.color == "content":
        seen = color_transfer.luminance(seen)
    if divided is None:
        visible = [style.visible for style in styles]
        whole = [Style(*style) for style in zip(pictures, weights, scales, visible, strict=True)]
        return Request(seen, whole, settings, start, visible=content.visible)
    regions, parts = _divide(divided, content, styles)
    chosen = [
        Style(pictures[index], weights[index], scales[index], part, region)
        for index, region, part in parts
        if weights[index] > 0.0
    ]
    if not chosen:
        raise InputError(
            f"{escaped(divided.name)} leaves no region to paint: its styles have weight 0."
        )
    return Request(seen, chosen, settings, start, regions, content.visible)


def _recolored(style: Picture, content: Picture, settings: Settings) -> torch.Tensor:
    if settings.color not in ("content", "match"):
        return style.pixels
    luminance = settings.color == "content"
    match = color_transfer.match_luminance if luminance else color_transfer.match_moments
    return match(style.pixels, content.pixels, style.visible, content.visible)


def _divide(
    divided: Masks, content: Picture, styles: Sequence[Picture]
) -> tuple[list[torch.Tensor], list[Part]]:
    """Regions of the content, and the style parts that fill them."""
    name = f"the mask {escaped(divided.name)}"
    masks.check_shape(divided.content, content.pixels, name, "the content")
    gray = all(map(masks.is_gray, (divided.content, *divided.styles)))
    colors = None if gray else masks.colors_of(divided.content, divided.name)
    regions = masks.regions_of(divided.content, colors)
    parts: list[Part] = []
    for index, style_mask in enumerate(divided.styles):
        name = f"the mask {escaped(divided.style_names[index])}"
        masks.check_shape(style_mask, styles[index].pixels, name, f"style {index + 1}")
        style_parts = [_seen(part, styles[index]) for part in masks.regions_of(style_mask, colors)]
        parts += [
            (index, region, part) for region, part in enumerate(style_parts) if masks.covers(part)
        ]
    if not divided.styles:
        if len(styles) > len(regions):
            raise InputError(
                f"{escaped(divided.name)} has {len(regions)} region(s) for {len(styles)} styles: "
                "give a --style-mask for each style, or fewer styles."
            )
        parts = [(index, index, style.visible) for index, style in enumerate(styles)]
    used = [part for part in parts if masks.covers(_seen(regions[part[1]], content))]
    if not used:
        raise InputError(
            f"{escaped(divided.name)} leaves no region to paint: it needs some white, or a color "
            "that a style has."
        )
    return regions, used


def _seen(mask: torch.Tensor, picture: Picture) -> torch.Tensor:
    """The part of a mask (1, H, W) where its picture can be seen."""
    if picture.visible is None:
        return mask
    size = mask.shape[-2], mask.shape[-1]
    return mask * resize_mask(picture.visible[None], size)[0]
