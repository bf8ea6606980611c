"""From a file, a stream or a Pillow image to a `Picture`: upright, in sRGB, alpha apart."""

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.exif import dpi_of, orientation_of, read_exif, safe_exif, upright
from stylecli.images.high_bit_depth import Samples, has_deep_tags, read_deep, read_gray
from stylecli.images.icc import Notes, deep_to_srgb, to_srgb
from stylecli.images.input_bytes import read_bytes, read_stream
from stylecli.images.picture import Metadata, Picture
from stylecli.images.safe_open import check_size, guarded, open_image, silenced
from stylecli.messages import escaped

_PLAIN_MODES: Final = ("L", "RGB", "CMYK", "LAB")  # what `to_srgb` takes; the rest become RGB
_ANIMATED: Final = "it has several frames or pages, of which the first is used"

_REDUCED: Final = "its 16 bits a channel were read as 8"


def read_picture(source: Path | BinaryIO, *, name: str | None = None) -> Picture:
    """Read a picture file, or a stream of its bytes such as standard input.

    Of an animation the first frame is taken. `name` stands for the source in messages. Raises
    `InputError` for what is missing, no picture, damaged, or larger than 32768 pixels a side
    or 268 million in all.
    """
    if isinstance(source, str | Path):
        name = escaped(name or source)
        data = read_bytes(Path(source))
    else:
        name = escaped(name or "standard input")
        data = read_stream(source, name)
    with guarded(name), silenced(data), open_image(data, name) as image:
        samples = read_deep(data, image, name)
        picture = _picture(image, samples)
    meta = replace(picture.meta, sha256=hashlib.sha256(data).hexdigest())
    return replace(picture, meta=meta)


def picture_from_pil(image: Image.Image) -> Picture:
    """A Pillow image of any mode, with its profile, orientation and alpha heeded.

    Pillow itself reduces 16-bit colour files to 8 bits; `read_picture` does not. Raises
    `InputError`.
    """
    if not isinstance(image, Image.Image):
        raise InputError(f"expected a Pillow image, got {type(image).__name__}.")
    name = "the Pillow image"
    with guarded(name):
        check_size(image.size, name)
        picture = _picture(image, None)
        digest = hashlib.sha256(image.tobytes()).hexdigest()
    return replace(picture, meta=replace(picture.meta, sha256=digest))


def _picture(image: Image.Image, samples: Samples | None) -> Picture:
    """Everything but the hash; `samples` (H, W, C) replace the image's pixels where given."""
    image.load()  # some metadata comes after the pixels, and a TIFF is turned upright here
    if samples is None:
        samples = read_gray(image)
    if samples is None:
        color, alpha, notes = _shallow(image)
        notes = (*notes, *((_REDUCED,) if has_deep_tags(image) else ()))
    else:
        color, alpha, notes = _deep(image, samples)
    exif = read_exif(image)
    orientation = orientation_of(exif)
    dpi = dpi_of(image, exif)
    meta = Metadata(
        dpi=dpi[::-1] if dpi and orientation >= 5 else dpi,
        exif=safe_exif(exif),
        bits=8 if color.dtype == np.uint8 else 16,
        format="JPEG" if image.format == "MPO" else image.format or "",
    )
    return Picture(
        pixels=_tensor(color, 3, orientation),
        alpha=None if alpha is None else _tensor(alpha, 1, orientation),
        meta=meta,
        notes=(*notes, *((_ANIMATED,) if _is_animated(image) else ())),
    )


def _shallow(image: Image.Image) -> tuple[NDArray[Any], NDArray[Any] | None, Notes]:
    """Colours (H, W, 3) and alpha (H, W, 1) of an 8-bit image."""
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        gray = image.mode in ("L", "LA", "La")  # kept grey for the sake of a grey profile
        image = image.convert("LA" if gray else "RGBA")
        alpha = np.asarray(image.getchannel("A"))[..., None]
        image = image.convert("L" if gray else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _PLAIN_MODES:
        image = image.convert("RGB")
    converted, notes = to_srgb(image, profile)
    return np.asarray(converted), alpha, notes


def _deep(image: Image.Image, samples: Samples) -> tuple[NDArray[Any], NDArray[Any] | None, Notes]:
    """Colours (H, W, 1 or 3) and alpha (H, W, 1) of 16-bit samples."""
    alpha: Samples | None = None
    if samples.shape[-1] in (2, 4):
        samples, alpha = samples[..., :-1], samples[..., -1:]
    elif (key := image.info.get("transparency")) is not None:
        same = (samples == np.asarray(key, np.uint16)).all(-1, keepdims=True)
        alpha = np.where(same, 0, 65535).astype(np.uint16)
    color, notes = deep_to_srgb(samples, image.info.get("icc_profile"))
    return color, alpha, notes


def _tensor(array: NDArray[Any], channels: int, orientation: int) -> torch.Tensor:
    """(H, W, 1 or C) of uint8, uint16 or float32 to (C, H, W) float32 in [0, 1], upright."""
    scale = {"uint8": 255.0, "uint16": 65535.0}.get(array.dtype.name)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32)
    tensor = torch.from_numpy(planes if planes.base is None else planes.copy())
    if scale is not None:
        tensor /= scale
    turned = upright(tensor, orientation)
    return turned.expand(channels, -1, -1).contiguous()


def _is_animated(image: Image.Image) -> bool:
    """Whether there is more than one frame; a phone's MPO has its depth map as another."""
    if image.format == "MPO":
        return False
    with contextlib.suppress(Exception):  # a later frame may be damaged, which is no concern
        return bool(getattr(image, "is_animated", False))
    return False
