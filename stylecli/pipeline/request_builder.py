"""Request builder: colors transferred, regions masked, styles weighted."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from stylecli.errors import InputError
from stylecli.images import color_transfer, masks
from stylecli.messages import escaped
from stylecli.settings import Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.resample import resize
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
    content: torch.Tensor,
    styles: Sequence[torch.Tensor],
    init: torch.Tensor | None = None,
    divided: Masks | None = None,
) -> Request:
    """A request for pictures (3, H, W) in [0, 1].

    Raises `InputError` for masks that do not fit.
    """
    pictures = [_recolored(style, content, settings) for style in styles]
    scales = style_scales(settings, (content.shape[-2], content.shape[-1]), len(pictures))
    weights = settings.style_weights or (1.0,) * len(pictures)
    seen = color_transfer.luminance(content) if settings.color == "content" else content
    if divided is None:
        whole = [Style(*style) for style in zip(pictures, weights, scales, strict=True)]
        return Request(seen, whole, settings, init)
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
    return Request(seen, chosen, settings, init, regions)


def recolor(settings: Settings, image: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    """A finished image (3, H, W) with the color transfer of the settings."""
    if settings.color not in ("content", "histogram"):
        return image
    original = resize(content[None], (image.shape[-2], image.shape[-1]))[0]
    if settings.color == "content":
        return color_transfer.transfer_luminance(image, original)
    return color_transfer.match_histograms(image, original)


def _recolored(style: torch.Tensor, content: torch.Tensor, settings: Settings) -> torch.Tensor:
    if settings.color == "content":
        return color_transfer.match_luminance(style, content)
    return color_transfer.match_moments(style, content) if settings.color == "match" else style


def _divide(
    divided: Masks, content: torch.Tensor, styles: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], list[Part]]:
    """Regions of the content, and the style parts that fill them."""
    masks.check_shape(divided.content, content, divided.name, "the content")
    gray = all(map(masks.is_gray, (divided.content, *divided.styles)))
    colors = None if gray else masks.colors_of(divided.content, divided.name)
    regions = masks.regions_of(divided.content, colors)
    parts: list[Part] = []
    for index, style_mask in enumerate(divided.styles):
        masks.check_shape(
            style_mask, styles[index], divided.style_names[index], f"style {index + 1}"
        )
        regions_of_style = enumerate(masks.regions_of(style_mask, colors))
        parts += [(index, region, part) for region, part in regions_of_style if masks.covers(part)]
    if not divided.styles:
        if len(styles) > len(regions):
            raise InputError(
                f"{escaped(divided.name)} has {len(regions)} region(s) for {len(styles)} styles: "
                "give a --style-mask for each style, or fewer styles."
            )
        parts = [(index, index, None) for index in range(len(styles))]
    used = [part for part in parts if masks.covers(regions[part[1]])]
    if not used:
        raise InputError(
            f"{escaped(divided.name)} leaves no region to paint: it needs some white, or a colour "
            "that a style has."
        )
    return regions, used
