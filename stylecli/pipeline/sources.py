"""Pictures from memory: everything that may stand where a path does."""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import torch
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.picture import Metadata, Picture
from stylecli.images.reading import picture_from_pil, read_picture
from stylecli.pipeline.inputs import Limits, Reader

Source = (
    str | os.PathLike[str] | bytes | BinaryIO | Image.Image | torch.Tensor | numpy.ndarray[Any, Any]
)


def picture_of(source: Source, name: str) -> Picture:
    """A picture from a path, a file's bytes, a stream, a Pillow image, a tensor or an array.

    Tensors (3, H, W) and arrays (H, W, 3) are sRGB, floating point in [0, 1] or uint8 in 0..255.
    Values outside are refused rather than clipped: they hint at another range. `name` stands for
    the source in messages. Raises `InputError`.
    """
    if isinstance(source, str | os.PathLike):
        return read_picture(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        source = io.BytesIO(source)
    if isinstance(source, Image.Image):
        return picture_from_pil(source)
    if isinstance(source, numpy.ndarray):
        writable = source.flags.writeable and min(source.strides, default=0) >= 0
        native = source.dtype.newbyteorder("=")
        source = torch.from_numpy(numpy.array(source, native, copy=None if writable else True))
        source = source.permute(2, 0, 1) if source.ndim == 3 else source
    if isinstance(source, torch.Tensor):
        pixels = _checked(source, name)
        digest = hashlib.sha256(pixels.contiguous().numpy().data).hexdigest()
        return Picture(pixels=pixels, alpha=None, meta=Metadata(sha256=digest))
    if hasattr(source, "read"):
        return read_picture(source, name=name)
    raise InputError(
        f"{name} must be a path, bytes, a stream, a Pillow image, a tensor or an array, "
        f"got {type(source).__name__}."
    )


class SourceReader(Reader):
    """Reader of jobs whose paths may stand for pictures in memory, `sources`.

    Styles from memory are cached by their hash, so that those that come again are not measured
    again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sources: Mapping[Path, Source] = {}

    def read_one(self, path: Path, limits: Limits) -> Picture:
        """The picture that a path names, or stands for."""
        if path in self.sources:
            return picture_of(self.sources[path], str(path))
        return super().read_one(path, limits)

    def read_style(self, path: Path, side: int, scale: float, limits: Limits) -> Picture:
        """A style, the one in the cache where it has been there before."""
        picture = super().read_style(path, side, scale, limits)
        if path not in self.sources:
            return picture
        key = picture.meta.sha256, side, scale
        cached = self.styles.get_or_make(key, lambda: picture)
        return replace(picture, pixels=cached.pixels, alpha=cached.alpha)


def _checked(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """A tensor (3, H, W) as float32 in [0, 1] on the CPU."""
    if tensor.ndim != 3 or tensor.shape[0] != 3 or 0 in tensor.shape:
        raise InputError(
            f"{name} must be a tensor (3, H, W) or an array (H, W, 3), "
            f"got a tensor of shape {tuple(tensor.shape)}."
        )
    if tensor.dtype == torch.uint8:
        return tensor.detach().cpu().float() / 255
    if not tensor.is_floating_point():
        raise InputError(f"{name} must be floating point or uint8, got {tensor.dtype}.")
    pixels = tensor.detach().to("cpu", torch.float32, copy=True)  # it may be changed later
    if not (pixels.isfinite().all() and pixels.amin() >= 0 and pixels.amax() <= 1):
        raise InputError(f"{name} must lie in [0, 1]: scale it first, or give uint8 in 0..255.")
    return pixels
