"""The largest image of a TIFF, wherever it is."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.header import peek_size
from stylecli.images.reading import read_picture

from .conftest import Encode


def pages(tmp_path: Path, *sizes: tuple[int, int], **tags: Any) -> Path:
    colors = ("red", "lime", "blue")
    images = [Image.new("RGB", size, color) for size, color in zip(sizes, colors, strict=False)]
    images[0].save(path := tmp_path / "x.tif", save_all=True, append_images=images[1:], **tags)
    return path


def color_of(path: Path) -> list[float]:
    return read_picture(path).pixels[:, 0, 0].tolist()


def dng_like(tmp_path: Path, order: str, photometric: int = 2) -> Path:
    """A thumbnail of 2x1 pixels, with a picture of 4x3 in a directory below it."""
    code = {"<": b"II*\0", ">": b"MM\0*"}[order]
    parts = [code + struct.pack(f"{order}I", 8)]

    def directory(size: tuple[int, int], kind: int, photometric: int, extra: int, at: int) -> bytes:
        width, height = size
        count = 3 * width * height
        wide = {254: kind, 256: width, 257: height, 273: at, 278: height, 279: count}
        short = {259: 1, 262: photometric, 277: 3, 258: 8}
        wide |= {330: extra} if extra else {}
        entries = [
            struct.pack(f"{order}HHII", tag, 4, 1, wide[tag])
            if tag in wide
            else struct.pack(f"{order}HHIHH", tag, 3, 1, short[tag], 0)
            for tag in sorted(wide | short)
        ]
        return struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)

    first = len(directory((2, 1), 1, 2, 1, 0))
    second = len(directory((4, 3), 0, photometric, 0, 0))
    below = 8 + first
    pixels = below + second
    parts += [directory((2, 1), 1, 2, below, pixels), directory((4, 3), 0, photometric, 0, pixels)]
    (path := tmp_path / "x.dng").write_bytes(b"".join(parts) + b"\0\xff\0" * 12)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_picture_below_a_thumbnail(order: str, tmp_path: Path) -> None:
    path = dng_like(tmp_path, order)
    picture = read_picture(path)
    assert (picture.height, picture.width) == peek_size(path) == (3, 4)
    assert color_of(path) == [0, 1, 0] and picture.notes == ()


def test_raw_sensor_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"raw sensor data: develop it to TIFF or JPEG"):
        read_picture(dng_like(tmp_path, "<", photometric=32803))


def test_the_largest_page(tmp_path: Path) -> None:
    path = pages(tmp_path, (4, 4), (20, 10), (6, 6))
    assert color_of(path) == [0, 1, 0] and peek_size(path) == (10, 20)
    assert read_picture(path).notes == (
        "it has several pages, of which the first of the largest is used",
    )


def test_big_tiff(tmp_path: Path) -> None:
    path = pages(tmp_path, (4, 4), (20, 10), big_tiff=True)
    assert color_of(path) == [0, 1, 0] and peek_size(path) == (10, 20)


def test_a_damaged_later_page_is_no_obstacle(tmp_path: Path, encode: Encode) -> None:
    data = bytearray(encode(Image.new("RGB", (4, 4), "red"), "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, len(data) + 100)
    assert read_picture(io.BytesIO(data)).pixels[0].min() == 1


def test_what_is_not_supported_is_described(tiff16: Encode) -> None:
    import numpy as np

    data = tiff16(np.zeros((4, 4, 3), np.uint16), tags={262: [8]})
    with pytest.raises(InputError, match="3-channel 16-bit LAB.*convert it to RGB or gray"):
        read_picture(io.BytesIO(data))
    data = tiff16(np.zeros((4, 4, 5), np.uint16), tags={262: [2], 338: [2, 2]})
    with pytest.raises(InputError, match="5-channel 16-bit RGB"):
        read_picture(io.BytesIO(data))
