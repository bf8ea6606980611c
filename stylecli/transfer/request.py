"""Requests: a content picture, the styles of its regions, and loss weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch

from stylecli.errors import InputError
from stylecli.settings import LossKind, Settings
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.resample import Size, resize, resize_mask

COARSE_SIDE: Final = 250  # pixels of the short side, under which a scale counts as small


@dataclass(frozen=True)
class Weights:
    """Loss weights of one picture; a style layer's weight is its share of 1.

    `coarse_content` are the content layers of small scales: see `content_at`.
    """

    alpha: float
    beta: float
    tv: float
    chroma_tv: float
    content: LayerWeights
    style: LayerWeights
    kind: LossKind = "relative"
    coarse_content: LayerWeights | None = None

    def content_at(self, size: Size) -> LayerWeights:
        """The content layers of a scale of `size`.

        The receptive field of relu4_2 is 92 pixels, half of a picture of 192 rows: places are
        hardly fixed, and edges run on to the picture's border as straight bands. A shallower
        layer beside it at small scales fixes them (benchmarks/README.md, The encoder).
        """
        small = self.coarse_content is not None and min(size) < COARSE_SIDE
        return self.coarse_content if small and self.coarse_content else self.content


@dataclass(frozen=True)
class Style:
    """A style picture (3, H, W) in [0, 1], its share of the blend, and the size of its strokes.

    `scale` 2 shows the style at twice the picture's size, so strokes come out twice as large.
    `mask` (1, H, W) in [0, 1] picks the part of the style to take; `region` is the number of
    the content's region that takes it.
    """

    picture: torch.Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: torch.Tensor | None = None
    region: int = 0


@dataclass(frozen=True)
class Request:
    """One picture to be made. Tensors are (3, H, W) or, for masks, (1, H, W), in [0, 1].

    `regions` are masks on the content, which add up to 1 at every pixel; without them the whole
    picture is one region. A region that no style names keeps the content as it is.
    """

    content: torch.Tensor
    styles: Sequence[Style]
    settings: Settings
    init: torch.Tensor | None = None
    regions: Sequence[torch.Tensor] = ()

    def can_batch_with(self, other: "Request") -> bool:
        """Whether two requests of one output size can be one batch."""
        return (
            not self.regions
            and not other.regions
            and common_settings(self.settings) == common_settings(other.settings)
        )


@dataclass(frozen=True)
class Source:
    """A `Style` on the device: its picture (1, 3, H, W) and mask (1, 1, H, W).

    `given` are the tensors that it was made from: while they live, and stay as they are, what
    was computed of it serves later runs as well. Without them it is not remembered.
    """

    picture: torch.Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: torch.Tensor | None = None
    given: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of the content, `mask` (1, 1, H, W), and the styles blended in it.

    Without a mask it is the whole picture.
    """

    sources: tuple[Source, ...]
    mask: torch.Tensor | None = None


@dataclass(frozen=True)
class Subject:
    """A `Request` on the device.

    `free` (1, 1, H, W) is 1 where the picture may change and 0 where the content stays, `None`
    where all of it may.
    """

    content: torch.Tensor
    parts: tuple[Part, ...]
    weights: Weights
    init: torch.Tensor | None = None
    free: torch.Tensor | None = None

    def keep_content(self, image: torch.Tensor) -> torch.Tensor:
        """The image (1, 3, H, W) with the content where it has to stay."""
        if self.free is None:
            return image
        size: Size = (image.shape[-2], image.shape[-1])
        return torch.lerp(resize(self.content, size), image, resize_mask(self.free, size))


class Importer:
    """Checks pictures and brings them to the device, each once, so that styles can be shared."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._known: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def subject(self, request: Request, weights: Weights) -> Subject:
        """Raises `InputError` for pictures of the wrong form, or regions that make no sense."""
        if not request.styles:
            raise InputError("no style picture was given: give at least one.")
        masks = [self.mask(mask, request.content) for mask in request.regions]
        parts, free = self._parts(request, masks)
        return Subject(
            self.picture(request.content),
            parts,
            weights,
            None if request.init is None else self.picture(request.init),
            free,
        )

    def picture(self, picture: torch.Tensor) -> torch.Tensor:
        """(3, H, W) as (1, 3, H, W) float32 on the device."""
        if id(picture) not in self._known:
            self._known[id(picture)] = picture, _checked(picture, 3).to(self.device).unsqueeze(0)
        return self._known[id(picture)][1]

    def mask(self, mask: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
        """(1, h, w) as (1, 1, H, W), resized to its picture."""
        ready = _checked(mask, 1).to(self.device).unsqueeze(0)
        return resize_mask(ready, (picture.shape[-2], picture.shape[-1])).clamp(0.0, 1.0)

    def _source(self, style: Style) -> Source:
        picture = self.picture(style.picture)
        if style.mask is None:
            return Source(picture, style.weight, style.scale, None, (style.picture,))
        mask = self.mask(style.mask, style.picture)
        return Source(picture, style.weight, style.scale, mask, (style.picture, style.mask))

    def _parts(
        self, request: Request, masks: list[torch.Tensor]
    ) -> tuple[tuple[Part, ...], torch.Tensor | None]:
        sources: dict[int, list[Source]] = {}
        for style in request.styles:
            sources.setdefault(style.region, []).append(self._source(style))
        if not masks:
            return (_blended(source for part in sources.values() for source in part),), None
        if unknown := sources.keys() - set(range(len(masks))):
            raise InputError(f"there is no region {min(unknown)}: the content has {len(masks)}.")
        parts = tuple(_blended(sources[index], masks[index]) for index in sorted(sources))
        if len(parts) == len(masks):
            return parts, None
        free = sum((masks[index] for index in sources), start=torch.zeros_like(masks[0]))
        return parts, free.clamp(0.0, 1.0)


def common_settings(settings: Settings) -> Settings:
    """The settings that pictures made together must have in common, the others at a default."""
    own: dict[str, Any] = {"strength": None, "alpha": None, "beta": None, "seed": 0}
    return replace(settings, **own, tv=0.0, chroma_tv=0.0, init="random", size=None)


def _blended(sources: Iterable[Source], mask: torch.Tensor | None = None) -> Part:
    part = Part(tuple(sources), mask)
    weights = [source.weight for source in part.sources]
    if not all(weight >= 0.0 for weight in weights) or not any(weights):
        raise InputError(
            f"styles that are blended need weights from 0 up, not all of them 0, got {weights}."
        )
    return part


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
    return picture.detach().to(torch.float32).clamp(0.0, 1.0)
