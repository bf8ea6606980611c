"""PNG chunks: what Pillow may read of a file, and what is read here.

Pillow refuses a picture for a long text or profile in it. Here text is left out before Pillow
sees it, profiles are inflated up to a bound, and checksums of what is left out are still checked
(W3C PNG specification, third edition).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE_BYTES: Final = 2**24
XMP: Final = b"XML:com.adobe.xmp"
_MAX_TEXT_BYTES: Final = 2**20
_MAX_CHUNKS: Final = 2**18
_TEXT: Final = (b"tEXt", b"zTXt", b"iTXt")
# Besides the critical ones, which are written with a capital letter.
_FOR_PILLOW: Final = (b"tRNS", b"pHYs", b"eXIf", b"acTL", b"fcTL", b"fdAT")
_EXIF_TEXT: Final = b"Raw profile type "  # where eXIf is not known, such as by ImageMagick


@dataclass(frozen=True)
class PngParts:
    """A PNG for Pillow, and the chunks it does not see.

    `color` holds gAMA, cHRM, sRGB and cICP by name, `profile` is an ICC profile, `texts` are the
    first texts by keyword.
    """

    file: bytes
    color: dict[bytes, bytes]
    profile: bytes | None
    texts: dict[bytes, bytes]


def split_png(data: bytes, *, keep_damaged: bool = False) -> PngParts:
    """Sort the chunks of a PNG.

    Raises `ValueError` for a wrong checksum of an ancillary chunk before the pixels, unless it is
    to be left out; those of critical chunks are checked where they are read.
    """
    pieces: list[bytes | memoryview] = [SIGNATURE]
    view = memoryview(data)
    color: dict[bytes, bytes] = {}
    texts: dict[bytes, bytes] = {}
    profile, end, pixels_begun = None, len(SIGNATURE), False
    for kind, start, length in chunks_of(io.BytesIO(data)):
        pixels_begun |= kind == b"IDAT"
        end = start + length + 4
        body = view[start : start + length]
        if not kind[:1].isupper() and kind != b"fdAT" and not _is_whole(kind, view[start:end]):
            if not keep_damaged and not pixels_begun:  # after them Pillow does not look, either
                raise ValueError(f"the chunk {kind.decode('ascii', 'replace')} has a bad checksum")
        elif kind == b"iCCP":
            profile = _inflated(bytes(body).partition(b"\0")[2][1:], MAX_PROFILE_BYTES)
        elif kind in (b"gAMA", b"cHRM", b"sRGB", b"cICP"):
            color.setdefault(kind, bytes(body))
        elif kind in _TEXT:
            keyword = bytes(body[:80]).partition(b"\0")[0]
            texts.setdefault(keyword, _text_of(kind, bytes(body)) or b"")
            if keyword.startswith(_EXIF_TEXT) and texts[keyword]:
                pieces.append(view[start - 8 : end])
        elif kind[:1].isupper() or kind in _FOR_PILLOW:
            pieces.append(view[start - 8 : end])
    pieces.append(view[end : end + 8])  # of a file that was cut short: for Pillow to complain of
    return PngParts(b"".join(pieces), color, profile, texts)


def png_head(file: BinaryIO) -> bytes:
    """A PNG with the size, palette and EXIF of another and no pixels; `file` may be cut short."""
    pieces = [SIGNATURE]
    for kind, start, length in chunks_of(file):
        if kind in (b"IHDR", b"PLTE", b"eXIf", b"tRNS") and length < _MAX_TEXT_BYTES:
            file.seek(start - 8)
            piece = file.read(length + 12)
            if kind.isupper() or _is_whole(kind, memoryview(piece)[8:]):
                pieces.append(piece)
    return b"".join([*pieces, struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))])


def chunks_of(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of the data of each chunk, up to IEND or where the file ends."""
    place = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, place + 8, length
        if kind == b"IEND":
            return
        place += length + 12
    raise ValueError("it has more chunks than a picture needs")


def _is_whole(kind: bytes, body: memoryview) -> bool:
    """Whether the checksum at the end of a chunk is right."""
    return len(body) >= 4 and zlib.crc32(body[:-4], zlib.crc32(kind)) == int.from_bytes(body[-4:])


def _inflated(packed: bytes, limit: int) -> bytes | None:
    """Deflated bytes inflated, `None` past the limit or where they are damaged."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, limit + 1)
    except zlib.error:
        return None
    return plain if len(plain) <= limit and inflater.eof else None


def _text_of(kind: bytes, body: bytes) -> bytes | None:
    """The text of a tEXt, zTXt or iTXt chunk; `None` where it is past a megabyte or damaged."""
    _, _, rest = body.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.split(b"\0", 2)[-1]
    if packed:
        return _inflated(rest, _MAX_TEXT_BYTES)
    return rest if len(rest) <= _MAX_TEXT_BYTES else None
