"""A TIFF encoder for 8 and 16 bits a channel: strips, horizontal differences, deflate.

Pillow writes no 16-bit color; its directory class does the tags, so that what is left to write
is the pixels (TIFF 6.0, sections 7 and 14, and Adobe's Technical Note on deflate, 2002).
"""

import zlib
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from stylecli.images.exif import EXIF_IFD

_STRIP_BYTES: Final = 2**20
_LONG: Final = 4
_UNDEFINED: Final = 7
_ICC_PROFILE: Final = 34675
_STRIP_OFFSETS: Final = 273
_STRIP_BYTE_COUNTS: Final = 279


def write_tiff(
    file: BinaryIO,
    samples: NDArray[Any],
    *,
    profile: bytes,
    exif: Image.Exif,
) -> None:
    """Write (H, W, 3 or 4) uint8 or uint16, little-endian; `exif` may hold the resolution."""
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * samples.dtype.itemsize))
    strips = [_strip(samples[top : top + rows]) for top in range(0, height, rows)]
    tags = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    tags.update({tag: exif[tag] for tag in exif if tag != EXIF_IFD})
    if details := exif.get_ifd(EXIF_IFD):
        tags.tagtype[EXIF_IFD] = _LONG
        tags[EXIF_IFD] = details
    tags.update({256: width, 257: height, 258: (8 * samples.dtype.itemsize,) * channels})
    tags.update({259: 8, 262: 2, 277: channels, 278: rows, 284: 1, 317: 2, 339: (1,) * channels})
    if channels == 4:
        tags[338] = 2  # alpha that is not premultiplied
    tags.tagtype[_ICC_PROFILE] = _UNDEFINED
    tags[_ICC_PROFILE] = profile
    sizes = [len(strip) for strip in strips]
    tags.tagtype[_STRIP_OFFSETS] = tags.tagtype[_STRIP_BYTE_COUNTS] = _LONG
    tags[_STRIP_BYTE_COUNTS] = tuple(sizes)
    tags[_STRIP_OFFSETS] = (0, *np.cumsum(sizes[:-1], dtype=np.int64).tolist())
    file.write(b"II*\0\x08\0\0\0" + tags.tobytes(8))  # offsets count from the directory's end
    file.writelines(strips)


def _strip(rows: NDArray[Any]) -> bytes:
    """Differences to the pixel on the left, modulo 2^8 or 2^16, deflated."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    little = differences.astype(differences.dtype.newbyteorder("<"), copy=False)
    return zlib.compress(little.tobytes(), 6)
