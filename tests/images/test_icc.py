"""Color profiles against ImageCms alone, and against formulas at 16 bits."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.images.icc import srgb_profile
from stylecli.images.icc_matrix import parse_shaper
from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil, read_picture

from .conftest import Convert, Encode, Make, pixels_of


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
