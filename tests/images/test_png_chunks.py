"""Chunks of a PNG that Pillow would refuse a picture for, and checksums."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.header import peek_size
from stylecli.images.png_chunks import split_png
from stylecli.images.reading import read_picture

from .conftest import Encode

LONG = zlib.compress(b"x" * 2_500_000)


def chunk(kind: bytes, body: bytes, *, damaged: bool = False) -> bytes:
    checksum = zlib.crc32(kind + body) ^ damaged
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


@pytest.fixture
def plain(encode: Encode) -> bytes:
    samples = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    return encode(Image.fromarray(samples), "PNG")


def with_chunk(data: bytes, chunk: bytes, *, at_end: bool = False) -> bytes:
    place = len(data) - 12 if at_end else 33
    return data[:place] + chunk + data[place:]


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"zTXt", b"Comment\0\0" + LONG),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG),
        chunk(b"tEXt", b"Comment\0" + b"x" * 2_500_000),
        chunk(b"tEXt", b"icc_profile\0no profile") + chunk(b"tEXt", b"gamma\0no number"),
    ],
)
@pytest.mark.parametrize("at_end", [False, True])
def test_text_is_no_obstacle(text: bytes, at_end: bool, plain: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "x.png").write_bytes(with_chunk(plain, text, at_end=at_end))
    picture = read_picture(path)
    assert torch.equal(picture.pixels, read_picture(io.BytesIO(plain)).pixels)
    assert picture.notes == () and peek_size(path) == (9, 8)


def test_a_large_profile_is_applied(
    plain: bytes, make_profile: Callable[..., bytes], tmp_path: Path
) -> None:
    profile = make_profile(1.8, swap=True)
    padded = struct.pack(">I", len(profile) + 1_500_000) + profile[4:] + bytes(1_500_000)
    small, large = (
        read_picture(io.BytesIO(with_chunk(plain, chunk(b"iCCP", b"x\0\0" + zlib.compress(each)))))
        for each in (profile, padded)
    )
    assert large.notes == () and torch.equal(large.pixels, small.pixels)
    assert not torch.equal(large.pixels, read_picture(io.BytesIO(plain)).pixels)


def test_a_bomb_of_a_profile_stays_packed(plain: bytes) -> None:
    bomb = zlib.compress(bytes(2**26), 9)
    assert split_png(with_chunk(plain, chunk(b"iCCP", b"x\0\0" + bomb))).profile is None


@pytest.mark.parametrize("kind", [b"tEXt", b"gAMA", b"eXIf"])
def test_a_bad_checksum(kind: bytes, plain: bytes) -> None:
    data = with_chunk(plain, chunk(kind, b"Author\0nobody", damaged=True))
    with pytest.raises(InputError, match=f"{kind.decode()} has a bad checksum.*--accept-damaged"):
        read_picture(io.BytesIO(data))
    picture = read_picture(io.BytesIO(data), accept_damaged=True)
    assert torch.equal(picture.pixels, read_picture(io.BytesIO(plain)).pixels)
    assert "what can be read was taken" in picture.notes[0]


def test_exif_as_imagemagick_writes_it(encode: Encode) -> None:
    exif = Image.Exif()
    exif[274] = 6
    text = "\nexif\n  99\n" + exif.tobytes().hex()
    data = encode(Image.new("RGB", (8, 4)), "PNG")
    body = b"Raw profile type exif\0\0" + zlib.compress(text.encode())
    picture = read_picture(io.BytesIO(with_chunk(data, chunk(b"zTXt", body))))
    assert (picture.width, picture.height) == (4, 8)
