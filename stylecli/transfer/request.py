"""Requests: a content picture, the styles of its regions, and settings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

import torch

from stylecli.errors import InputError
from stylecli.settings import Settings
from stylecli.transfer.resample import Size, fit, resize_mask, resize_visible
from stylecli.transfer.temporal_target import Continuation, TemporalTarget

# Most pixels of a style, in those of the picture, at scale 1: a square style beside a panorama of
# 4:1. A style has the picture's long side, and beside a strip of 16500x20 it would have 800 times
# its pixels. Past the bound its strokes are smaller than its scale says.
MOST_STYLE_PIXELS: Final = 4

# Pictures on a device by the id of the original, which is kept alive so that its id is not reused.
Copies = dict[int, tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Style:
    """A style picture (3, H, W) in [0, 1], its share of the blend, and the size of its strokes.

    `scale` 2 shows the style at twice the picture's size, so strokes come out twice as large.
    `mask` (1, H, W) in [0, 1] picks the part of the style to take; `region` is the number of
    the content's region that takes it. `cached_by` are the tensors that a style on the device was
    copied from: Gram matrices are cached while they live, and not at all without them.
    """

    picture: torch.Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: torch.Tensor | None = None
    region: int = 0
    cached_by: tuple[torch.Tensor, ...] = ()

    def size_beside(self, size: Size) -> Size:
        """The size at which the style is compared with a picture of `size`, undistorted.

        Its long side is in proportion to the picture's, its pixels at most `MOST_STYLE_PIXELS`
        times as many, for a scale of 1.
        """
        shape = (self.picture.shape[-2], self.picture.shape[-1])
        height, width = fit(shape, max(1, round(max(size) * self.scale)))
        excess = height * width / (MOST_STYLE_PIXELS * size[0] * size[1] * self.scale**2)
        if excess <= 1.0:
            return height, width
        return fit(shape, max(1, int(max(height, width) / excess**0.5)))

    def to(self, device: torch.device, copies: Copies) -> "Style":
        """The style on a device, checked: see `Request.to`."""
        picture = _picture_to(device, self.picture, copies)
        if self.mask is None:
            return replace(self, picture=picture, cached_by=(self.picture,))
        mask = _mask_to(device, self.mask, self.picture)
        return replace(self, picture=picture, mask=mask, cached_by=(self.picture, self.mask))


@dataclass(frozen=True)
class Part:
    """Styles that are blended in one region of the content, `mask` (1, H, W).

    Without a mask it is the whole picture.
    """

    styles: tuple[Style, ...]
    mask: torch.Tensor | None = None


@dataclass(frozen=True)
class Request:
    """One picture to be made. Tensors are (3, H, W) or, for masks, (1, H, W), in [0, 1].

    `regions` are masks on the content, which add up to 1 at every pixel; without them the whole
    picture is one region. A region that no style names keeps the content as it is. `visible`
    (1, H, W), its alpha, weights the content's pixels in all losses; without it all count. A frame
    of a clip has `temporal` targets, and is the `continuation` of the one before.
    """

    content: torch.Tensor
    styles: Sequence[Style]
    settings: Settings
    init: torch.Tensor | None = None
    regions: Sequence[torch.Tensor] = ()
    visible: torch.Tensor | None = None
    temporal: Sequence[TemporalTarget] = ()
    continuation: Continuation | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The regions that have styles, in order; one without a mask where there are no regions."""
        styles = _by_region(self)
        if not self.regions:
            return (Part(tuple(style for blend in styles.values() for style in blend)),)
        return tuple(Part(tuple(styles[index]), self.regions[index]) for index in sorted(styles))

    @property
    def free(self) -> torch.Tensor | None:
        """A mask (1, H, W): 1 where the picture may change, 0 where the content stays.

        `None` where all of it may change.
        """
        styles = _by_region(self)
        if not self.regions or len(styles) == len(self.regions):
            return None
        start = torch.zeros_like(self.regions[0])
        return sum((self.regions[index] for index in styles), start=start).clamp(0.0, 1.0)

    def to(self, device: torch.device, copies: Copies | None = None) -> "Request":
        """The request on a device, checked: float32, and masks at the sizes of their pictures.

        `copies` are pictures on the device by the id of the original, so that requests share
        them. Raises `InputError` for pictures of the wrong form, or regions that make no sense.
        """
        if not self.styles:
            raise InputError("no style picture was given: give at least one.")
        copies = {} if copies is None else copies
        regions = tuple(_mask_to(device, mask, self.content) for mask in self.regions)
        styles = tuple(style.to(device, copies) for style in self.styles)
        _check_blends(self)
        content = _picture_to(device, self.content, copies)
        init = None if self.init is None else _picture_to(device, self.init, copies)
        visible = None if self.visible is None else _mask_to(device, self.visible, self.content)
        temporal = tuple(
            replace(
                target,
                image=_picture_to(device, target.image, copies),
                mask=_mask_to(device, target.mask, target.image),
            )
            for target in self.temporal
        )
        changed: dict[str, Any] = {"content": content, "styles": styles, "init": init}
        return replace(self, **changed, regions=regions, visible=visible, temporal=temporal)

    def content_at(self, size: Size) -> torch.Tensor:
        """The content resized, (1, 3, *size)."""
        return resize_visible(self.content[None], _batch(self.visible), size)

    def visible_at(self, size: Size) -> torch.Tensor | None:
        """Weights of the content's pixels resized, (1, 1, *size), or `None` where all are 1."""
        return None if self.visible is None else resize_mask(self.visible[None], size)

    def keep_content(self, image: torch.Tensor) -> torch.Tensor:
        """The image (1, 3, H, W) with the content where it has to stay."""
        free = self.free
        if free is None:
            return image
        size: Size = (image.shape[-2], image.shape[-1])
        return torch.lerp(self.content_at(size), image, resize_mask(free[None], size))

    def can_batch_with(self, other: "Request") -> bool:
        """Whether two requests of one output size can be one batch."""
        return (
            not (self.regions or self.temporal or self.continuation)
            and not (other.regions or other.temporal or other.continuation)
            and self.visible is None
            and other.visible is None
            and common_settings(self.settings) == common_settings(other.settings)
        )


def common_settings(settings: Settings) -> Settings:
    """The settings that pictures made together must have in common, the others at a default."""
    own: dict[str, Any] = {"strength": None, "alpha": None, "beta": None, "seed": 0}
    return replace(settings, **own, tv=0.0, chroma_tv=0.0, init="random", size=None)


def tensor_bytes(value: object) -> int:
    """Bytes of all tensors within requests, each once, on the device of the first."""
    tensors = {(t.data_ptr(), t.numel()): t for t in _tensors_in(value)}
    device = next(iter(tensors.values())).device if tensors else None
    return sum(t.numel() * t.element_size() for t in tensors.values() if t.device == device)


def _tensors_in(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)
    elif is_dataclass(value):
        for one in fields(value):
            yield from _tensors_in(getattr(value, one.name))


def _by_region(request: Request) -> dict[int, list[Style]]:
    """Styles by the number of their region, in the order in which regions are first named."""
    styles: dict[int, list[Style]] = {}
    for style in request.styles:
        styles.setdefault(style.region, []).append(style)
    return styles


def _check_blends(request: Request) -> None:
    """Raise `InputError` for a region that is not there, or weights that make no blend."""
    count = len(request.regions)
    if count and (unknown := _by_region(request).keys() - set(range(count))):
        raise InputError(f"there is no region {min(unknown)}: the content has {count}.")
    for part in request.parts:
        weights = [style.weight for style in part.styles]
        if not all(weight >= 0.0 for weight in weights) or not any(weights):
            raise InputError(
                f"styles that are blended need weights from 0 up, not all of them 0, got {weights}."
            )


def _batch(mask: torch.Tensor | None) -> torch.Tensor | None:
    return None if mask is None else mask[None]


def _picture_to(device: torch.device, picture: torch.Tensor, copies: Copies) -> torch.Tensor:
    """A picture (3, H, W) as float32 on the device, copied once."""
    if id(picture) not in copies:
        copies[id(picture)] = picture, _checked(picture, 3).to(device)
    return copies[id(picture)][1]


def _mask_to(device: torch.device, mask: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """A mask (1, h, w) on the device, resized to its picture: (1, H, W)."""
    size = picture.shape[-2], picture.shape[-1]
    return resize_mask(_checked(mask, 1).to(device)[None], size)[0].clamp(0.0, 1.0)


def _checked(picture: torch.Tensor, channels: int) -> torch.Tensor:
    """A (C, H, W) picture as float32, between 0 and 1."""
    shape = tuple(picture.shape)
    right = len(shape) == 3 and shape[0] == channels and picture.is_floating_point()
    if not right or not picture.numel():
        kind = "picture" if channels == 3 else "mask"
        raise InputError(
            f"a {kind} must be a float tensor of shape ({channels}, H, W) in [0, 1], got "
            f"{shape} of {picture.dtype}."
        )
    if not bool(torch.isfinite(picture).all()):
        raise InputError("a picture contains NaN or infinite values.")
    picture = picture.detach().to(torch.float32)
    inside = float(picture.amin()) >= 0.0 and float(picture.amax()) <= 1.0
    return picture if inside else picture.clamp(0.0, 1.0)  # a copy is as large as the picture
