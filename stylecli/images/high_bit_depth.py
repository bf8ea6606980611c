"""16 bits a channel out of a Pillow that has no mode for them.

Pillow decodes 16-bit color to 8 bits: its unpackers `RGB;16B` and `RGB;16L` keep the first or
the second byte of each sample, whatever that byte means. Decoding twice, once with either,
yields the high and the low bytes, hence the exact samples, with every compression, interlacing
and error check of Pillow's and without another decoder among the dependencies.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from stylecli.images.safe_open import open_bytes
from stylecli.images.sample_values import to_unit_range

Samples = NDArray[np.uint16]

_BITS_PER_SAMPLE: Final = 258  # TIFF tags
_PHOTOMETRIC: Final = 262
_SAMPLE_FORMAT: Final = 339
_SIGNED: Final = 2
_PLANAR_CONFIGURATION: Final = 284
# The byte a suffix keeps is the high one of its own byte order; the other suffix keeps the low.
_OTHER: Final = {
    "16B": "16L",
    "16L": "16B",
    "16N": "16B" if sys.byteorder == "little" else "16L",
}


def read_deep(data: bytes, image: ImageFile.ImageFile, name: str) -> Samples | None:
    """The exact samples (H, W, C) of a 16-bit color or gray-alpha file, else `None`.

    `image` is `data` freshly opened; its tiles are rewritten and it is loaded on the way. C is 2
    for gray with alpha, else 3 or 4. Premultiplied alpha (TIFF) is divided out. To be called in
    `guarded`.
    """
    kind, order = _rawmode(image)
    if (kind, order) == ("LA", "16B"):
        _set_rawmode(image, "RGBA")  # four bytes a pixel: both of gray, then both of alpha
        pairs = np.asarray(image)
        return _join(pairs[..., 0::2], pairs[..., 1::2])
    if image.mode not in ("RGB", "RGBA") or order not in _OTHER:
        return None
    low = open_bytes(data, name)
    _set_rawmode(image, order)
    _set_rawmode(low, _OTHER[order])
    samples = _join(np.asarray(image), np.asarray(low))
    return _unpremultiply(samples) if kind == "RGBa" else samples


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a freshly opened image holds more than 8 bits a channel."""
    return _rawmode(image)[1] in _OTHER


def _rawmode(image: ImageFile.ImageFile) -> tuple[str, str]:
    """Pillow's name for the layout of a pixel in the file, such as ("RGB", "16B")."""
    kind, _, order = _name_of(image.tile[0].args).partition(";") if image.tile else ("", "", "")
    tags = _tags_of(image)
    if tags.get(_PLANAR_CONFIGURATION) != 2:
        return kind, order
    if image.tile[0].codec_name == "libtiff":
        return kind, ""  # libtiff's planes come out as high bytes, whatever is asked for
    if set(tags.get(_BITS_PER_SAMPLE, ())) == {16}:
        little = getattr(tags, "prefix", b"II") == b"II"
        return kind, "16L" if little else "16B"  # Pillow names 8 bits by mistake
    return kind, order


def _name_of(args: Any) -> str:
    """The raw mode in a tile's arguments: alone for PNG, first of a tuple for TIFF."""
    found = args[0] if isinstance(args, tuple) and args else args
    return found if isinstance(found, str) else ""


def _set_rawmode(image: ImageFile.ImageFile, wanted: str) -> None:
    """Give every tile the raw mode `wanted`, or its own kind with the byte order `wanted`."""
    for i, tile in enumerate(image.tile):
        rawmode = wanted
        if wanted.startswith("16"):  # RGBa;16 would divide by alpha byte by byte, so A
            kind = _name_of(tile.args).partition(";")[0].replace("a", "A")
            rawmode = f"{kind};{wanted}"
        args = (rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        image.tile[i] = tile._replace(args=args)


def _join(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> Samples:
    samples = high.astype(np.uint16)
    samples <<= 8
    samples |= low
    return samples


def _unpremultiply(samples: Samples) -> Samples:
    alpha = samples[..., 3:].astype(np.float64)
    color = samples[..., :3] * (65535.0 / np.maximum(alpha, 1.0))
    return np.concatenate([np.rint(np.minimum(color, 65535.0)), alpha], -1).astype(np.uint16)


def read_gray(image: Image.Image) -> tuple[Samples, str] | None:
    """The samples (H, W, 1) of a loaded image of gray numbers beyond 8 bits, else `None`.

    Modes I;16 in any byte order, I (whole numbers), F, and L with signed bytes. Their range is
    that of `sample_range`; with a note where the file does not state it.
    """
    signed = set(_tags_of(image).get(_SAMPLE_FORMAT, ())) == {_SIGNED}
    if not image.mode.startswith("I") and image.mode != "F" and not (signed and image.mode == "L"):
        return None
    values = np.asarray(image)
    bits = max(_tags_of(image).get(_BITS_PER_SAMPLE, ()), default=0)
    if signed and bits in (8, 16):  # Pillow has modes for neither, nor for 32 unsigned bits
        values = values.astype(np.int8 if bits == 8 else np.int16)
    elif bits == 32 and values.dtype == np.int32 and not signed:
        values = values.view(np.uint32)
    unit, note = to_unit_range(values, bits if bits == 12 else None)
    gray = np.rint(unit * np.float32(65535.0)).astype(np.uint16)[..., None]
    inverted = _tags_of(image).get(_PHOTOMETRIC) == 0  # white is zero: not undone by Pillow
    return (65535 - gray if inverted else gray), note


def _tags_of(image: Image.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {})


def has_deep_tags(image: Image.Image) -> bool:
    """Whether a TIFF says that it holds more than 8 bits a channel."""
    return max(_tags_of(image).get(_BITS_PER_SAMPLE, (8,)), default=8) > 8
