"""Colors of files without a profile: gamma, primaries, cICP and EXIF."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylecli.images.color_tags import cicp_of_boxes
from stylecli.images.icc import srgb_profile
from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil, read_picture

from .conftest import Encode

ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
RED = (1.0, 0.0, 0.0)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def gama(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 1e5)))


def chrm(*values: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 1e5) for value in values)))


def cicp(*values: int) -> bytes:
    return chunk(b"cICP", bytes(values))


def read(color: tuple[float, ...], chunks: bytes, png16: Encode) -> Picture:
    """One color, 16 bits a channel, with chunks after the header."""
    samples = np.rint(np.full((2, 3, len(color)), color) * 65535).astype(np.uint16)
    data = png16(samples)
    return read_picture(io.BytesIO(data[:33] + chunks + data[33:]))


def color_of(picture: Picture) -> NDArray[np.float32]:
    return picture.pixels[:, 0, 0].numpy()


@pytest.mark.parametrize(
    ("stored", "chunks", "expected"),
    [
        ((0.2140, 0.2140, 0.2140), gama(1.0), (0.5, 0.5, 0.5)),
        ((0.2140,), gama(1.0), (0.5, 0.5, 0.5)),
        ((0.3, 0.5, 0.1), gama(1 / 2.2), (0.3, 0.5, 0.1)),  # what writers of sRGB write
        ((0.8586, 0, 0), gama(1 / 2.2) + chrm(*ADOBE), RED),
        ((0.3, 0.5, 0.1), gama(1.0) + chunk(b"sRGB", b"\0"), (0.3, 0.5, 0.1)),
        ((0.3, 0.5, 0.1), gama(1.0) + cicp(1, 13, 0, 1), (0.3, 0.5, 0.1)),
        ((0.9175, 0.2003, 0.1386), cicp(12, 13, 0, 1), RED),  # Display P3
        ((0.7911, 0.2308, 0.0738), cicp(9, 14, 0, 1), RED),  # BT.2020
        ((0.5807,) * 3, cicp(9, 16, 0, 1), (1, 1, 1)),  # PQ at 203 cd/m²
        ((0.75,) * 3, cicp(9, 18, 0, 1), (1, 1, 1)),  # HLG at the same
        ((0.9,) * 3, cicp(9, 16, 0, 1), (1, 1, 1)),
    ],
)
def test_chunks_of_a_png(
    stored: tuple[float, ...], chunks: bytes, expected: tuple[float, ...], png16: Encode
) -> None:
    picture = read(stored, chunks, png16)
    assert np.allclose(color_of(picture), expected, atol=0.006)
    hdr = b"cICP\x09\x10" in chunks or b"cICP\x09\x12" in chunks
    assert any("HDR" in note for note in picture.notes) == hdr


@pytest.mark.parametrize("chunks", [gama(1.0), gama(1.0) + chrm(*ADOBE)])
def test_a_profile_goes_before_gamma(chunks: bytes, png16: Encode) -> None:
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(srgb_profile()))
    picture = read((0.3, 0.5, 0.1), profile + chunks, png16)
    assert np.allclose(color_of(picture), (0.3, 0.5, 0.1), atol=1e-4)


@pytest.mark.parametrize(
    "chunks", [gama(0), gama(4000), chrm(*[0] * 8), chrm(*[9] * 8), cicp(9, 99, 0, 1), cicp(1)]
)
def test_nonsense_is_ignored_with_a_note(chunks: bytes, png16: Encode) -> None:
    picture = read((0.3, 0.5, 0.1), chunks, png16)
    assert np.allclose(color_of(picture), (0.3, 0.5, 0.1), atol=1e-4)
    assert "ignored" in picture.notes[0]


def test_eight_bits_stay_eight(encode: Encode) -> None:
    data = encode(Image.new("RGBA", (2, 2), (55, 55, 55, 9)), "PNG")
    picture = read_picture(io.BytesIO(data[:33] + gama(1.0) + data[33:]))
    assert np.allclose(color_of(picture), 0.5019, atol=0.002)  # of 55/255 = 0.2157
    assert picture.meta.bits == 8 and picture.alpha is not None


@pytest.mark.parametrize(
    ("space", "interop", "converted"), [(65535, "R03", True), (2, "", True), (65535, "", False)]
)
def test_color_space_of_exif(space: int, interop: str, converted: bool, encode: Encode) -> None:
    exif = Image.Exif()
    exif.get_ifd(34665)[40961] = space
    if interop:
        exif.get_ifd(34665)[40965] = {1: interop}
    data = encode(Image.new("RGB", (16, 16), (219, 0, 0)), "JPEG", exif=exif, quality=100)
    picture = read_picture(io.BytesIO(data))
    assert (color_of(picture)[0] > 0.99) == converted
    assert bool(picture.notes) != converted


def test_primaries_of_a_tiff(encode: Encode) -> None:
    image = Image.new("RGB", (4, 4), (219, 0, 0))
    tags = {318: (0.3127, 0.329), 319: (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)}
    picture = read_picture(io.BytesIO(encode(image, "TIFF", tiffinfo=tags)))
    assert color_of(picture)[0] > 0.98


def test_a_pillow_image_keeps_its_gamma() -> None:
    image = Image.new("L", (2, 2), 55)
    image.info["gamma"] = 1.0
    assert color_of(picture_from_pil(image))[0] > 0.49


def test_color_box_of_avif() -> None:
    box = b"....colrnclx" + struct.pack(">HHHB", 9, 16, 9, 128)
    assert cicp_of_boxes(box) == (9, 16, 0, 1)
    assert cicp_of_boxes(b"....colrprof") is None and cicp_of_boxes(b"colrnclx\0") is None
