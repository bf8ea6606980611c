"""Header of a picture: its size, without decoding its pixels."""

import math
from pathlib import Path
from typing import Final

from stylecli.errors import MemoryLimitError
from stylecli.images.exif import ORIENTATION, orientation_of, read_exif
from stylecli.images.high_bit_depth import is_deep
from stylecli.images.input_bytes import open_input
from stylecli.images.safe_open import Header, guarded, open_header
from stylecli.images.tiff_pages import TiffPage
from stylecli.messages import escaped

# Peaks of decoding in bytes a pixel, measured over modes, pixels of the picture included.
_BYTES: Final = {"JPEG": 24, "MPO": 24, "PNG": 30, "GIF": 30, "BMP": 30, "DIB": 30}
_OTHER_BYTES: Final = 36
_DEEP_BYTES: Final = 48  # of more than 8 bits a sample, through a profile


def check_decoding_memory(header: Header, name: str, limit: int) -> None:
    """Raise `MemoryLimitError` for a picture that takes more than `limit` bytes to decode."""
    if isinstance(header, TiffPage):
        pixels, deep, kind = header.width * header.height, header.bits > 8, "TIFF"
    else:
        deep = header.mode[0] in "IF" or is_deep(header)
        pixels, kind = math.prod(header.size), header.format or ""
    needed = pixels * (_DEEP_BYTES if deep else _BYTES.get(kind, _OTHER_BYTES))
    if needed > limit:
        raise MemoryLimitError(
            f"decoding {name} takes up to {needed / 2**30:.1f} GiB, and there is a limit of "
            f"{limit / 2**30:.1f} GiB: scale it down first, or raise --max-memory."
        )


def peek_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the file's header. Raises `InputError`."""
    name = escaped(path)
    with open_input(path) as file, guarded(name):
        header = open_header(file, name)
        if isinstance(header, TiffPage):
            width, height = header.width, header.height
            orientation = header.tags.get(ORIENTATION, 1)
        else:
            width, height = header.size
            # Without EXIF at the head of a PNG, Pillow would look behind its pixels.
            known = header.format != "PNG" or "exif" in header.info
            orientation = orientation_of(read_exif(header)) if known else 1
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)
