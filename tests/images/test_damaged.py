"""Damaged pictures that are taken on request, and memory that is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylecli.errors import InputError, MemoryLimitError
from stylecli.images.reading import read_picture

from .conftest import Encode


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_file_cut_short(kind: str, encode: Encode) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = encode(noise, kind)
    whole = read_picture(io.BytesIO(data)).pixels
    cut = data[: int(len(data) * 0.8)]
    with pytest.raises(InputError, match="--accept-damaged takes what can be read"):
        read_picture(io.BytesIO(cut))
    picture = read_picture(io.BytesIO(cut), accept_damaged=True)
    assert float((picture.pixels - whole)[:, :32].abs().mean()) < 0.01
    assert picture.notes[-1].startswith("what can be read was taken: ")


def test_what_holds_no_pixels_is_refused_all_the_same(encode: Encode) -> None:
    data = encode(Image.new("RGB", (8, 8)), "JPEG")[:20]
    for broken in (data, b"\x89PNG\r\n\x1a\n", b"II*\0\xff\xff\xff\xff", b"words"):
        with pytest.raises(InputError):
            read_picture(io.BytesIO(broken), accept_damaged=True)


def test_pillow_is_left_as_it_was(encode: Encode) -> None:
    from PIL import ImageFile

    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    read_picture(io.BytesIO(data[:-4]), accept_damaged=True)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("deep", [False, True])
def test_memory_is_refused_by_the_header(deep: bool, tmp_path: Path, png16: Encode) -> None:
    if deep:
        data = png16(np.zeros((100, 100, 4), np.uint16))
    else:
        Image.new("RGB", (100, 100)).save(file := io.BytesIO(), "PNG")
        data = file.getvalue()
    (path := tmp_path / "x.png").write_bytes(data[:-30])  # damaged, which is not seen
    limit = 420_000  # enough for 8 bits, not for 16
    with pytest.raises(MemoryLimitError if deep else InputError, match="decoding|damaged"):
        read_picture(path, max_memory=limit)
    with pytest.raises(MemoryLimitError, match="scale it down first, or raise --max-memory"):
        read_picture(path, max_memory=limit // 2)
