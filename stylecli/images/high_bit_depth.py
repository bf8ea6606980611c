"""16 bits a channel out of a Pillow that has no mode for them.

Pillow decodes 16-bit colour to 8 bits: its unpackers `RGB;16B` and `RGB;16L` keep the first or
the second byte of each sample, whatever that byte means. Decoding twice, once with either,
yields the high and the low bytes, hence the exact samples, with every compression, interlacing
and error check of Pillow's and without another decoder among the dependencies.
"""

import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from stylecli.images.safe_open import open_image

Samples = NDArray[np.uint16]

_BITS_PER_SAMPLE: Final = 258  # TIFF tags
_PHOTOMETRIC: Final = 262
_PLANAR_CONFIGURATION: Final = 284
# The byte a suffix keeps is the high one of its own byte order; the other suffix keeps the low.
_OTHER: Final = {
    "16B": "16L",
    "16L": "16B",
    "16N": "16B" if sys.byteorder == "little" else "16L",
}


def read_deep(data: bytes, image: ImageFile.ImageFile, name: str) -> Samples | None:
    """The exact samples (H, W, C) of a 16-bit colour or grey-alpha file, else `None`.

    `image` is `data` freshly opened; its tiles are rewritten and it is loaded on the way. C is 2
    for grey with alpha, else 3 or 4. Premultiplied alpha (TIFF) is divided out. To be called in
    `guarded`.
    """
    kind, order = _rawmode(image)
    if (kind, order) == ("LA", "16B"):
        _set_rawmode(image, "RGBA")  # four bytes a pixel: both of grey, then both of alpha
        pairs = np.asarray(image)
        return _join(pairs[..., 0::2], pairs[..., 1::2])
    if image.mode not in ("RGB", "RGBA") or order not in _OTHER:
        return None
    low = open_image(data, name)
    _set_rawmode(image, order)
    _set_rawmode(low, _OTHER[order])
    samples = _join(np.asarray(image), np.asarray(low))
    return _unpremultiply(samples) if kind == "RGBa" else samples


def _rawmode(image: ImageFile.ImageFile) -> tuple[str, str]:
    """What a pixel of the file looks like to Pillow, such as ("RGB", "16B")."""
    kind, _, order = _name_of(image.tile[0].args).partition(";") if image.tile else ("", "", "")
    tags = getattr(image, "tag_v2", {})
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


def read_gray(image: Image.Image) -> Samples | None:
    """The samples (H, W, 1) of a loaded image of more than 8 bits of grey, else `None`.

    Modes I;16 in any byte order, I (whole numbers) and F. Numbers of no stated range are taken
    as fractions of the smallest of 1 (F only), 255 (F only), 65535 and 2^31 - 1 that holds them.
    """
    if not image.mode.startswith("I") and image.mode != "F":
        return None
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
    top = _range_of(image, values)
    scaled = values if values.dtype.kind == "u" and top == 65535 else values * (65535.0 / top)
    gray = np.rint(scaled).clip(0, 65535).astype(np.uint16)[..., None]
    inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0  # white is zero: not undone
    return 65535 - gray if inverted else gray


def has_deep_tags(image: Image.Image) -> bool:
    """Whether a TIFF says that it holds more than 8 bits a channel."""
    return max(getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,)), default=8) > 8


def _range_of(image: Image.Image, values: NDArray[Any]) -> float:
    """What stands for white."""
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    if image.mode.startswith("I;16"):
        return 2.0 ** bits[0] - 1.0 if bits == (12,) else 65535.0
    peak = float(values.max())
    tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    return next((top for top in tops if peak <= top), max(peak, 2.0**31 - 1.0))
