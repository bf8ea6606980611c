"""Inputs of a job: its pictures and masks, read; styles are cached between jobs."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from stylecli.bounded_cache import BoundedCache
from stylecli.images import masks
from stylecli.images.alpha import without_hidden_colors
from stylecli.images.discovery import STREAM
from stylecli.images.picture import Picture
from stylecli.images.reading import read_picture
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.system import free_memory
from stylecli.transfer.resample import Size, fit, resize
from stylecli.transfer.schedule import output_size, style_scales

REMEMBERED: Final = 512 * 2**20  # bytes of style pictures kept for the jobs to come
# Times the size at which it is looked at that a picture is kept: what is left out of a larger one
# is far below a level of 8 bits, and twelve photos of 12 megapixels would take 1.7 GB.
OVERSIZE: Final = 8

Limits = tuple[bool, int | None]  # whether damaged pictures are accepted, and `max_bytes`


@dataclass(frozen=True)
class Inputs:
    """Content, styles, start and masks of a job as pixels; masks are (3, H, W)."""

    content: Picture
    styles: tuple[Picture, ...]
    init: Picture | None
    mask: torch.Tensor | None
    style_masks: tuple[torch.Tensor, ...]
    hashes: dict[Path, str]
    notes: tuple[str, ...]


class Reader:
    """Reads pictures, with a bounded cache of styles, which many jobs share."""

    def __init__(self) -> None:
        self.styles: BoundedCache[tuple[object, ...], Picture] = BoundedCache(
            REMEMBERED, lambda picture: 12 * picture.width * picture.height
        )

    def read(self, job: Job) -> Inputs:
        """Everything the job names. Raises `InputError`."""
        limits = job.accept_damaged, job.compute.max_bytes
        content = self.read_visible(job.content, limits)
        shape = content.height, content.width
        size = output_size(shape, job.settings)
        scales = style_scales(job.settings, shape, len(job.styles))
        content = _reduced(content, size)
        styles = tuple(
            self.read_style(path, max(size), scale, limits)
            for path, scale in zip(job.styles, scales, strict=True)
        )
        init = (
            None
            if job.init_path is None
            else _reduced(self.read_visible(job.init_path, limits), size)
        )
        mask = None if job.mask is None else self.read_visible(job.mask, limits)
        style_masks = tuple(self.read_visible(mask, limits) for mask in job.style_masks)
        named = [(job.content, content), *zip(job.styles, styles, strict=True)]
        named += [(job.init_path, init)] if job.init_path and init else []
        named += [(job.mask, mask)] if job.mask and mask else []
        named += zip(job.style_masks, style_masks, strict=True)
        notes = (f"{name_of(path)}: {note}" for path, picture in named for note in picture.notes)
        hashes = {path: picture.meta.sha256 for path, picture in named}
        return Inputs(
            content,
            styles,
            init,
            None if mask is None else masks.mask_of(mask, str(job.mask)),
            tuple(map(masks.mask_of, style_masks, map(str, job.style_masks))),
            hashes,
            tuple(dict.fromkeys(notes)),
        )

    def read_one(self, path: Path, limits: Limits) -> Picture:
        """A picture from its file or standard input. Raises `InputError`."""
        return _read(path, limits)

    def read_visible(self, path: Path, limits: Limits) -> Picture:
        """A picture without the colors that its alpha hides. Raises `InputError`."""
        return without_hidden_colors(self.read_one(path, limits), escaped(name_of(path)))

    def read_style(self, path: Path, side: int, scale: float, limits: Limits) -> Picture:
        """A style to be looked at beside a picture of a long side; distances are at scale 1."""

        def read() -> Picture:
            picture = self.read_visible(path, limits)
            long_side = max(1, round(side * max(1.0, scale)))
            return _reduced(picture, fit((picture.height, picture.width), long_side))

        if path == STREAM:
            return read()
        try:
            status = path.stat()
        except OSError:
            return self.read_visible(path, limits)  # raises the error
        key = path, status.st_mtime_ns, status.st_size, side, scale, limits
        return self.styles.get_or_make(key, read)


def _reduced(picture: Picture, size: Size) -> Picture:
    """A picture at most `OVERSIZE` times as large as needed; one with alpha as it is."""
    height, width = OVERSIZE * size[0], OVERSIZE * size[1]
    if picture.alpha is not None or height * width >= picture.height * picture.width:
        return picture
    return replace(picture, pixels=resize(picture.pixels[None], (height, width))[0])


def name_of(path: Path) -> str:
    """A picture's name for messages."""
    return "standard input" if path == STREAM else path.name


def _read(path: Path, limits: Limits) -> Picture:
    accept_damaged, max_bytes = limits
    source, name = (sys.stdin.buffer, name_of(path)) if path == STREAM else (path, None)
    max_memory = max_bytes or free_memory()
    return read_picture(source, name=name, accept_damaged=accept_damaged, max_memory=max_memory)
