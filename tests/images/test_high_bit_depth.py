"""16 bits a channel arrive exactly, whatever the container."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil, read_picture

from .conftest import Encode

Samples = NDArray[np.uint16]


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data))


def found(picture: Picture) -> NDArray[Any]:
    """(H, W, 3 or 4) of whole numbers in 0..65535."""
    assert picture.meta.bits == 16 and picture.notes == ()
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    values: NDArray[np.float32] = (
        np.concatenate([plane.numpy() for plane in planes]).transpose(1, 2, 0) * 65535
    )
    assert np.abs(values - np.rint(values)).max() < 0.01
    return np.rint(values).astype(np.uint16)


@pytest.mark.parametrize("channels", [3, 4])
def test_png_color(channels: int, samples16: Samples, png16: Encode) -> None:
    samples = samples16[..., :channels]
    assert np.array_equal(found(read(png16(samples))), samples)


def test_png_gray(samples16: Samples, png16: Encode) -> None:
    gray = samples16[..., :1]
    assert np.array_equal(found(read(png16(gray))), np.repeat(gray, 3, -1))


def test_png_gray_with_alpha(samples16: Samples, png16: Encode) -> None:
    values = found(read(png16(samples16[..., :2])))
    assert np.array_equal(values, samples16[..., [0, 0, 0, 1]])


def test_png_with_a_transparent_color(samples16: Samples, png16: Encode) -> None:
    key = samples16[2, 3, :3]
    values = found(read(png16(samples16[..., :3], struct.pack(">3H", *key))))
    expected = np.full((5, 7), 65535)
    expected[2, 3] = 0
    assert np.array_equal(values[..., 3], expected)
    gray = found(read(png16(samples16[..., :1], struct.pack(">H", samples16[2, 3, 0]))))
    assert np.array_equal(gray[..., 3], expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff(order: str, deflate: bool, channels: int, samples16: Samples, tiff16: Encode) -> None:
    samples = samples16[..., :channels]
    tags = {338: [2]} if channels == 4 else {}
    values = found(read(tiff16(samples, order, deflate=deflate, tags=tags)))
    assert np.array_equal(values, np.repeat(samples, 3, -1) if channels == 1 else samples)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_in_planes(order: str, samples16: Samples, tiff16: Encode) -> None:
    samples = samples16[..., :3]
    assert np.array_equal(found(read(tiff16(samples, order, planar=True))), samples)


def test_tiff_in_deflated_planes_keeps_the_high_bytes(samples16: Samples, tiff16: Encode) -> None:
    picture = read(tiff16(samples16[..., :3], planar=True, deflate=True))
    assert picture.meta.bits == 8 and picture.notes == ("its 16 bits a channel were read as 8",)
    values = picture.pixels.permute(1, 2, 0).numpy() * 255
    assert np.allclose(values, samples16[..., :3] >> 8, atol=1e-3)


def test_tiff_with_premultiplied_alpha(samples16: Samples, tiff16: Encode) -> None:
    straight = samples16.astype(np.float64)
    straight[..., 3] = 20000 + straight[..., 3] * (45535 / 65535)
    alpha = np.rint(straight[..., 3:])
    stored = np.concatenate([np.rint(straight[..., :3] * alpha / 65535), alpha], -1)
    values = found(read(tiff16(stored.astype(np.uint16), tags={338: [1]})))
    assert np.abs(values - np.concatenate([straight[..., :3], alpha], -1)).max() <= 2


def test_tiff_with_white_at_zero(samples16: Samples, tiff16: Encode) -> None:
    values = found(read(tiff16(samples16[..., :1], tags={262: [0]})))
    assert np.array_equal(values[..., 0], 65535 - samples16[..., 0])


def test_tiff_turned_upright(samples16: Samples, tiff16: Encode) -> None:
    values = found(read(tiff16(samples16[..., :3], tags={274: [6]})))
    assert np.array_equal(values, np.rot90(samples16[..., :3], -1))


def test_8_bits_stay_8_bits(samples8: NDArray[np.uint8], encode: Encode) -> None:
    assert read(encode(Image.fromarray(samples8), "TIFF")).meta.bits == 8


def test_tiff_of_12_bits(tiff16: Encode) -> None:
    # A pair of samples takes three bytes: 0xABC and 0xFFF. Tag 258 says 12 bits.
    data = tiff16(np.array([[[0xCFAB], [0x00FF]]], np.uint16), tags={258: [12]})
    values = read(data).pixels[0, 0] * 4095
    assert values.round().tolist() == [0xABC, 0xFFF]


def test_deep_pixels_of_a_loaded_image(samples16: Samples) -> None:
    gray = np.ascontiguousarray(samples16[..., 0])
    picture = picture_from_pil(Image.fromarray(gray))
    assert np.array_equal(np.rint(picture.pixels[2].numpy() * 65535), gray)
