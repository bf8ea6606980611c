"""Pages of a TIFF: the largest image of those in the file, of which some are only previews."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from PIL.TiffImagePlugin import ImageFileDirectory_v2

MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES: Final = 1000
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SUBFILE_TYPE, _CHANNELS, _SUB_DIRECTORIES, _SAMPLE_FORMAT = 254, 277, 330, 339
_REDUCED, _MASK = 1, 4  # bits of the subfile's type
_CFA, _LINEAR_RAW = 32803, 34892
_PHOTOMETRICS: Final = {
    0: "gray",
    1: "gray",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "YCbCr",
    8: "LAB",
    9: "ICC LAB",
    10: "ITU LAB",
    32844: "LogL",
    32845: "LogLuv",
}
_FORMATS: Final = {2: "signed", 3: "float", 5: "complex", 6: "complex"}


@dataclass(frozen=True)
class TiffPage:
    """An image in a TIFF: where its directory is, its size, what it is."""

    offset: int
    width: int
    height: int
    tags: Any

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return int(max(self.tags.get(_BITS, (1,)), default=1))

    @property
    def is_raw(self) -> bool:
        """Whether it holds a camera's sensor data."""
        return self.tags.get(_PHOTOMETRIC) in (_CFA, _LINEAR_RAW)

    def describe(self) -> str:
        """Kind of its samples, such as "5-channel 16-bit float RGB"."""
        kind = _FORMATS.get(max(self.tags.get(_SAMPLE_FORMAT, (1,)), default=1), "")
        color = _PHOTOMETRICS.get(self.tags.get(_PHOTOMETRIC, -1), "unknown color")
        return " ".join(
            f"{self.tags.get(_CHANNELS, 1)}-channel {self.bits}-bit {kind} {color}".split()
        )


def largest_page(file: BinaryIO) -> tuple[TiffPage, int]:
    """The first of a TIFF's largest images, and how many there are; previews and masks not counted.

    Images of a directory tree, too, such as a DNG's. Raises `ValueError` where there is none.
    """
    pages = list(_pages(file))
    whole = [page for page in pages if not page.tags.get(_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)]
    if not pages:
        raise ValueError("it has no image")
    return max(whole or pages, key=lambda page: page.width * page.height), len(whole)


def beginning_with(data: bytes, page: TiffPage) -> bytes:
    """The file with another page first: only the offset in its header changes."""
    little, big = data[:1] == b"I", 43 in data[2:4]
    place = struct.pack(f"{'<' if little else '>'}{'Q' if big else 'I'}", page.offset)
    start = 8 if big else 4
    return (
        data
        if data[start:].startswith(place)
        else b"".join([data[:start], place, data[start + len(place) :]])
    )


def _pages(file: BinaryIO) -> Iterator[TiffPage]:
    file.seek(0)
    header = file.read(8)
    if header[2:3] == b"+" or header[3:4] == b"+":
        header += file.read(8)
    waiting = [ImageFileDirectory_v2(header).next]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_PAGES:
        offset = waiting.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        directory = ImageFileDirectory_v2(header)
        file.seek(offset)
        try:
            directory.load(file)
        except Exception:  # as many kinds as there are ways to damage it
            if len(seen) == 1:
                raise
            continue  # a later page, which is no concern of the first
        width, height = directory.get(_WIDTH), directory.get(_HEIGHT)
        if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
            yield TiffPage(offset, width, height, directory)
        below = directory.get(_SUB_DIRECTORIES, ())
        waiting[:0] = [below] if isinstance(below, int) else list(below)
        waiting.append(directory.next)
