"""PNG files, chunk by chunk."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylecli.images.icc import srgb_profile
from stylecli.images.png_writer import write_png


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and bodies, with IDAT joined; checksums verified."""
    at = 8
    chunks: list[tuple[bytes, bytes]] = []
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + body)
        if chunks and kind == chunks[-1][0] == b"IDAT":
            chunks[-1] = (kind, chunks[-1][1] + body)
        else:
            chunks.append((kind, body))
        at += 12 + size
    return chunks


def test_png_is_what_the_specification_says(samples16: NDArray[np.uint16]) -> None:
    file = io.BytesIO()
    write_png(file, samples16, profile=srgb_profile(), exif=b"Exif\0\0II*\0", dpi=(254, 127))
    chunks = chunks_of(file.getvalue())
    assert [kind for kind, _ in chunks] == [b"IHDR", b"iCCP", b"pHYs", b"eXIf", b"IDAT", b"IEND"]
    assert chunks[0][1] == struct.pack(">IIBBBBB", 7, 5, 16, 6, 0, 0, 0)
    assert chunks[2][1] == struct.pack(">IIB", 10000, 5000, 1)
    assert chunks[3][1] == b"II*\0"


@pytest.mark.parametrize("kind", range(5))
def test_each_png_filter_is_chosen_and_undone(kind: int) -> None:
    """A second row made so that one filter predicts it best; Pillow decodes it."""
    rng = np.random.default_rng(kind)
    above = rng.integers(0, 256, 600).tolist()
    row: list[int] = []
    for x, up in enumerate(above):
        left, corner = (row[x - 3], above[x - 3]) if x >= 3 else (0, 0)
        paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
        guess = (0, left, up, (left + up) // 2, paeth)[kind]
        row.append((guess + int(rng.integers(-2, 3))) % 256)
    samples = np.array([above, row], np.uint8).reshape(2, 200, 3)
    file = io.BytesIO()
    write_png(file, samples, profile=srgb_profile())
    filtered = zlib.decompress(dict(chunks_of(file.getvalue()))[b"IDAT"])
    assert filtered[601] == kind
    with Image.open(file) as image:
        assert np.array_equal(np.asarray(image), samples)
