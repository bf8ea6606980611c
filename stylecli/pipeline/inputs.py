"""Inputs of a job: its pictures and masks, read; styles are cached between jobs."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from stylecli import images
from stylecli.bounded_cache import BoundedCache
from stylecli.images import masks
from stylecli.images.discovery import STREAM
from stylecli.images.picture import Picture
from stylecli.job import Job

REMEMBERED: Final = 32  # style pictures kept for the jobs to come, some 10 MB each


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
        self._styles: BoundedCache[tuple[Path, int, int, bool], Picture] = BoundedCache(REMEMBERED)

    def read(self, job: Job) -> Inputs:
        """Everything the job names. Raises `InputError`."""
        accept = job.accept_damaged
        content = _read(job.content, accept)
        styles = tuple(self._style(style, accept) for style in job.styles)
        init = None if job.init_path is None else _read(job.init_path, accept)
        mask = None if job.mask is None else _read(job.mask, accept)
        style_masks = tuple(_read(mask, accept) for mask in job.style_masks)
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
            None if mask is None else masks.mask_of(mask),
            tuple(map(masks.mask_of, style_masks)),
            hashes,
            tuple(dict.fromkeys(notes)),
        )

    def _style(self, path: Path, accept_damaged: bool) -> Picture:
        if path == STREAM:
            return _read(path, accept_damaged)
        try:
            status = path.stat()
        except OSError:
            return _read(path, accept_damaged)  # raises the error
        key = path, status.st_mtime_ns, status.st_size, accept_damaged
        return self._styles.get_or_make(key, lambda: _read(path, accept_damaged))


def name_of(path: Path) -> str:
    """A picture's name for messages."""
    return "standard input" if path == STREAM else path.name


def _read(path: Path, accept_damaged: bool) -> Picture:
    source, name = (sys.stdin.buffer, name_of(path)) if path == STREAM else (path, None)
    return images.read_picture(source, name=name, accept_damaged=accept_damaged)
