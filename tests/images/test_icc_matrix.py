"""Matrix profiles, in 16 bits."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylecli.images.icc import srgb_profile
from stylecli.images.icc_matrix import parse_shaper
from stylecli.images.picture import Picture
from stylecli.images.reading import read_picture

from .conftest import Convert, Encode, Make, pixels_of


class TestDeep:
    def deep(self, samples: NDArray[np.uint16], profile: bytes, png16: Encode) -> Picture:
        data = png16(samples)
        body = b"iCCP" + b"x\0\0" + zlib.compress(profile)
        chunk = struct.pack(">I", len(body) - 4) + body
        chunk += struct.pack(">I", zlib.crc32(body))
        return read_picture(io.BytesIO(data[:33] + chunk + data[33:]))

    @pytest.mark.parametrize("swap", [False, True])
    def test_close_to_imagecms_but_finer(
        self, swap: bool, png16: Encode, make_profile: Make, convert: Convert
    ) -> None:
        profile = make_profile(1.8, swap=swap)
        shallow = np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8)
        picture = self.deep(shallow.astype(np.uint16) * 257, profile, png16)
        expected = convert(Image.fromarray(shallow), profile).astype(np.float64)
        assert np.abs(pixels_of(picture) - expected).max() < 1.0
        assert picture.meta.bits == 16 and picture.notes == ()

    def test_a_ramp_keeps_all_its_steps(self, png16: Encode, make_profile: Make) -> None:
        ramp = np.arange(30000, 34096, dtype=np.uint16).reshape(16, 256, 1).repeat(3, -1)
        picture = self.deep(ramp, make_profile(1.8), png16)
        # The same primaries and white as sRGB: gamma 1.8 decoded, sRGB encoded.
        light = (ramp[..., 1] / 65535) ** (461 / 256)
        expected = 1.055 * light ** (1 / 2.4) - 0.055
        assert np.abs(picture.pixels[1].numpy() - expected).max() < 3e-4
        assert len(np.unique(picture.pixels[1].numpy())) > 4000

    def test_gray(self, png16: Encode, make_profile: Make) -> None:
        gray = np.array([[[0], [1000], [32768], [65535]]], np.uint16)
        picture = self.deep(gray, make_profile(1.0, space=b"GRAY"), png16)
        light = gray[0, :, 0] / 65535
        expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.allclose(picture.pixels[0, 0].numpy(), expected, atol=1e-5)

    def test_srgb_stays_exact(self, samples16: NDArray[np.uint16], png16: Encode) -> None:
        picture = self.deep(samples16[..., :3], srgb_profile(), png16)
        values = picture.pixels.permute(1, 2, 0).numpy() * 65535
        assert np.array_equal(np.rint(values), samples16[..., :3])

    def test_table_profiles_go_through_8_bits_with_a_note(
        self, samples16: NDArray[np.uint16], png16: Encode, make_profile: Make, convert: Convert
    ) -> None:
        # A gray profile whose connection space is Lab is beyond the matrix code.
        profile = bytearray(make_profile(1.0, space=b"GRAY"))
        profile[20:24] = b"Lab "
        picture = self.deep(samples16[..., :1], bytes(profile), png16)
        shallow = np.rint(samples16[..., 0] / 257).astype(np.uint8)
        expected = convert(Image.fromarray(shallow), bytes(profile))
        assert np.allclose(pixels_of(picture), expected, atol=1e-3)
        assert picture.meta.bits == 8 and "8 bits" in picture.notes[0]


def parametric(kind: int, *values: float) -> bytes:
    body = struct.pack(f">HH{len(values)}i", kind, 0, *(round(v * 65536) for v in values))
    return b"para" + bytes(4) + body


@pytest.mark.parametrize(
    ("curve", "at", "expected"),
    [
        (b"curv" + bytes(8), 0.3, 0.3),
        (b"curv" + struct.pack(">IIHHH", 0, 3, 0, 10000, 65535), 0.5, 10000 / 65535),
        (parametric(0, 2.0), 0.5, 0.25),
        (parametric(1, 2.0, 2.0, -1.0), 0.75, 0.25),
        (parametric(1, 2.0, 2.0, -1.0), 0.25, 0.0),
        (parametric(2, 2.0, 2.0, -1.0, 0.125), 0.75, 0.375),
        (parametric(2, 2.0, 2.0, -1.0, 0.125), 0.25, 0.125),
        (parametric(3, 2.0, 0.5, 0.5, 0.25, 0.5), 0.4, 0.1),
        (parametric(3, 2.0, 0.5, 0.5, 0.25, 0.5), 1.0, 1.0),
        (parametric(4, 2.0, 0.5, 0.25, 0.25, 0.5, 0.125, 0.0625), 0.4, 0.1625),
        (parametric(4, 2.0, 0.5, 0.25, 0.25, 0.5, 0.125, 0.0625), 1.0, 0.6875),
    ],
)
def test_tone_curves(curve: bytes, at: float, expected: float) -> None:
    tag = struct.pack(">I4sII", 1, b"kTRC", 144, len(curve))
    header = bytes(16) + b"GRAY" + b"XYZ "
    shaper = parse_shaper(header.ljust(128, b"\0") + tag + curve)
    assert shaper is not None
    assert shaper.curves[0, round(at * 65535)] == pytest.approx(expected, abs=1e-4)
