"""Color profiles against ImageCms alone, and against formulas at 16 bits."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.images.icc import srgb_profile
from stylecli.images.icc_matrix import parse_shaper
from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil, read_picture

Encode = Callable[..., bytes]
Make = Callable[..., bytes]
Convert = Callable[[Image.Image, bytes], NDArray[np.uint8]]


def pixels_of(picture: Picture) -> NDArray[np.float64]:
    return picture.pixels.permute(1, 2, 0).numpy().astype(np.float64) * 255


def with_profile(image: Image.Image, profile: bytes) -> Picture:
    image.info["icc_profile"] = profile
    return picture_from_pil(image)


@pytest.mark.parametrize("swap", [False, True])
def test_as_imagecms_alone(
    swap: bool, samples8: NDArray[np.uint8], make_profile: Make, convert: Convert
) -> None:
    image, profile = Image.fromarray(samples8), make_profile(1.8, swap=swap)
    found = pixels_of(with_profile(image, profile))
    assert np.allclose(found, convert(image, profile), atol=1e-3)
    assert np.abs(found - samples8).max() > 10


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_profile_in_every_format(kind: str, encode: Encode, make_profile: Make) -> None:
    data = encode(
        Image.new("RGB", (16, 16), (220, 60, 60)), kind, icc_profile=make_profile(swap=True)
    )
    red, green, _ = pixels_of(read_picture(io.BytesIO(data)))[8, 8]
    assert green > 200 and red < 100


def test_srgb_profiles_change_nothing(samples8: NDArray[np.uint8]) -> None:
    fresh = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (fresh, srgb_profile()):
        assert np.allclose(
            pixels_of(with_profile(Image.fromarray(samples8), profile)), samples8, atol=1e-4
        )


def test_our_profile_has_no_clock() -> None:
    made = srgb_profile()
    assert int.from_bytes(made[24:26], "big") == 2000  # the header's date, ICC.1 section 7.2.8
    srgb_profile.cache_clear()
    assert srgb_profile() == made


def test_gray_with_a_gray_profile(make_profile: Make, convert: Convert) -> None:
    image = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    profile = make_profile(1.0, space=b"GRAY")
    found = pixels_of(with_profile(image, profile))
    assert np.abs(found - convert(image, profile)).max() < 1.01
    assert found[0, 128, 0] > 180  # linear light looks brighter once encoded


def test_gray_with_alpha_and_a_gray_profile(make_profile: Make) -> None:
    image = Image.new("LA", (2, 2), (128, 77))
    picture = with_profile(image, make_profile(1.0, space=b"GRAY"))
    assert picture.alpha is not None and round(float(picture.alpha[0, 0, 0]) * 255) == 77
    assert pixels_of(picture)[0, 0, 0] > 180


def test_gray_with_a_color_profile(make_profile: Make, convert: Convert) -> None:
    image, profile = Image.new("L", (2, 2), 128), make_profile(1.0)
    expected = convert(image.convert("RGB"), profile)
    assert np.allclose(pixels_of(with_profile(image, profile)), expected, atol=1e-3)


def test_cmyk_through_its_profile(cmyk_profile: bytes, convert: Convert, encode: Encode) -> None:
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain = pixels_of(picture_from_pil(image))[4, 4]
    assert plain.round().tolist() == [0, 255, 255]
    data = encode(image, "JPEG", icc_profile=cmyk_profile, quality=100)
    found = pixels_of(read_picture(io.BytesIO(data)))
    assert np.allclose(found[4, 4], convert(image, cmyk_profile)[4, 4], atol=2)
    assert found[4, 4, 0] > 200 and found[4, 4, 2] < 60


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 500])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_broken_profile_is_ignored_with_a_note(profile: bytes, mode: str) -> None:
    image = Image.new(mode, (3, 3), 90)
    picture = with_profile(image, profile)
    assert np.allclose(pixels_of(picture), np.asarray(image.convert("RGB")), atol=1e-4)
    assert picture.notes == ("its color profile is damaged and was ignored",)


def test_profile_of_another_kind_is_ignored_with_a_note(cmyk_profile: bytes) -> None:
    picture = with_profile(Image.new("RGB", (3, 3), "navy"), cmyk_profile)
    assert "is for CMYK pictures" in picture.notes[0]
    assert pixels_of(picture)[0, 0].round().tolist() == [0, 0, 128]


def test_truncated_profiles_never_fail(make_profile: Make) -> None:
    profile = make_profile(1.8)
    for size in range(0, len(profile), 7):
        assert with_profile(Image.new("RGB", (2, 2), "teal"), profile[:size]).width == 2
        parse_shaper(profile[:size])


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
