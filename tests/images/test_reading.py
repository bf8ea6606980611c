"""Files and Pillow images of every kind to pixels, and a clear refusal of all the rest."""

import hashlib
import io
import struct
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stylecli.errors import InputError
from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil

from .conftest import Encode, read


def pixels_of(picture: Picture) -> NDArray[Any]:
    """Pixels as (H, W, 3) in 0..255."""
    assert picture.pixels.dtype == torch.float32 and picture.pixels.is_contiguous()
    return picture.pixels.permute(1, 2, 0).numpy() * 255


class TestFormats:
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
    def test_lossless(self, kind: str, samples8: NDArray[np.uint8], encode: Encode) -> None:
        image = Image.fromarray(samples8)
        data = encode(image.quantize(64) if kind == "GIF" else image, kind)
        picture = read(data)
        assert np.allclose(pixels_of(picture), samples8, atol=1e-4)
        assert (picture.width, picture.height) == (7, 5)
        assert picture.alpha is None and picture.notes == ()
        assert (picture.meta.format, picture.meta.bits) == (kind, 8)
        assert picture.meta.sha256 == hashlib.sha256(data).hexdigest()

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
    def test_lossy(self, kind: str, encode: Encode) -> None:
        picture = read(encode(Image.new("RGB", (16, 16), (200, 100, 50)), kind, quality=95))
        assert np.abs(pixels_of(picture) - (200, 100, 50)).max() <= 4
        assert picture.meta.format == kind

    def test_phone_picture_with_a_depth_map_is_a_jpeg(self, encode: Encode) -> None:
        image = Image.new("RGB", (16, 16), "red")
        picture = read(encode(image, "MPO", save_all=True, append_images=[image]))
        assert picture.meta.format == "JPEG" and picture.notes == ()

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "AVIF"])
    def test_first_frame_with_a_note(self, kind: str, encode: Encode) -> None:
        frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
        picture = read(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert pixels_of(picture)[0, 0, 0] > 240 and pixels_of(picture)[0, 0, 2] < 15
        assert "first" in picture.notes[0]

    def test_resolution(self, encode: Encode) -> None:
        image = Image.new("RGB", (4, 4))
        assert read(encode(image, "JPEG", dpi=(300, 150))).meta.dpi == (300, 150)
        assert read(encode(image, "TIFF")).meta.dpi is None
        exif = Image.Exif()
        exif.update({282: 118.0, 283: 118.0, 296: 3, 274: 6})
        assert read(encode(image, "WEBP", exif=exif)).meta.dpi == pytest.approx((299.72,) * 2)
        turned = read(encode(image, "JPEG", dpi=(300, 150), exif=exif))
        assert turned.meta.dpi == (150, 300)

    def test_no_resolution_is_made_up(self, encode: Encode) -> None:
        exif = Image.Exif()
        exif[315] = "Ann"
        assert read(encode(Image.new("RGB", (4, 4)), "JPEG", exif=exif)).meta.dpi is None
        exif.update({282: 118.0, 283: 118.0, 296: 2})
        stated = read(encode(Image.new("RGB", (4, 4)), "JPEG", exif=exif))
        assert stated.meta.dpi == (118, 118)

    def test_rights_in_iptc_are_noted(self, encode: Encode) -> None:
        data = encode(Image.new("RGB", (4, 4)), "JPEG")
        iptc = b"\x1c\x02\x74\0\x07(c) Ann\0"
        block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 12) + iptc
        segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
        assert "IPTC" in read(data[:2] + segment + data[2:]).notes[0]

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
    def test_rights_in_xmp_are_noted(self, kind: str, encode: Encode) -> None:
        xmp = b"<x:xmpmeta><dc:rights>(c) Ann</dc:rights></x:xmpmeta>"
        options = {"tiffinfo": {700: xmp}} if kind == "TIFF" else {"xmp": xmp}
        notes = read(encode(Image.new("RGB", (4, 4)), kind, **options)).notes
        assert any("rights" in note for note in notes)


class TestModes:
    """Pillow's own conversion of each mode is the reference."""

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV"])
    def test_opaque(self, mode: str, samples8: NDArray[np.uint8]) -> None:
        image = Image.fromarray(samples8).convert(mode)
        picture = picture_from_pil(image)
        assert np.allclose(pixels_of(picture), np.asarray(image.convert("RGB")), atol=1e-4)
        assert picture.alpha is None

    @pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
    def test_alpha_apart(self, mode: str, samples8: NDArray[np.uint8]) -> None:
        image = Image.fromarray(samples8).convert("RGBA")
        image.putalpha(Image.fromarray(samples8[..., 0] | 128))  # never 0: that loses the color
        route = ["LA", mode] if mode == "La" else ["P", mode] if mode == "PA" else [mode]
        for step in route:
            image = image.convert(step)
        picture = picture_from_pil(image)
        expected = np.asarray(image.convert("LA" if mode == "La" else "RGBA").convert("RGBA"))
        assert picture.alpha is not None and picture.alpha.shape == (1, 5, 7)
        assert np.allclose(picture.alpha[0] * 255, expected[..., 3], atol=1e-4)
        assert np.allclose(pixels_of(picture), expected[..., :3], atol=1e-4)

    def test_lab(self) -> None:
        # White, mid gray and sRGB's red in CIE L*a*b* under D50; L* is scaled to 255.
        lab = Image.frombytes("LAB", (3, 1), bytes([255, 0, 0, 137, 0, 0, 138, 81, 70]))
        found = pixels_of(picture_from_pil(lab))[0]
        assert np.abs(found - [(255, 255, 255), (128, 128, 128), (255, 0, 0)]).max() <= 5

    @pytest.mark.parametrize(
        ("mode", "code"), [("I;16", "<u2"), ("I;16B", ">u2"), ("I", "<i4"), ("F", "<f4")]
    )
    def test_deep_gray(self, mode: str, code: str) -> None:
        values = np.array([[0, 1, 300, 65534, 65535]])
        image = Image.frombytes(mode, (5, 1), values.astype(code).tobytes())
        picture = picture_from_pil(image)
        assert picture.meta.bits == 16
        assert torch.equal((picture.pixels * 65535).round().int()[0, 0], torch.tensor(values)[0])

    def test_whole_numbers_past_16_bits(self) -> None:
        image = Image.fromarray(np.array([[0, 2**30, 2**31 - 1]], np.int32))
        found = picture_from_pil(image).pixels[0, 0]
        assert torch.allclose(found, torch.tensor([0, 0.5, 1]), atol=1e-4)

    def test_palette_with_a_transparent_entry(self, encode: Encode) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putpixel((1, 0), 1)
        for kind in ("PNG", "GIF"):
            picture = read(encode(image, kind, transparency=1))
            assert picture.alpha is not None and picture.alpha.flatten().tolist() == [1, 0]
            assert pixels_of(picture)[0, 0].tolist() == [255, 0, 0]

    def test_palette_with_half_transparent_entries(self, encode: Encode) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putpixel((1, 0), 1)
        picture = read(encode(image, "PNG", transparency=bytes([51, 255])))
        assert picture.alpha is not None
        assert torch.allclose(picture.alpha.flatten(), torch.tensor([0.2, 1.0]))

    @pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
    def test_transparent_color(self, mode: str, key: Any, encode: Encode) -> None:
        image = Image.fromarray(np.array([[7, 255]], np.uint8)).convert("RGB").convert(mode)
        picture = read(encode(image, "PNG", transparency=key))
        assert picture.alpha is not None and picture.alpha.flatten().tolist() == [0, 1]

    def test_not_an_image(self) -> None:
        with pytest.raises(InputError, match="Pillow image, got ndarray"):
            picture_from_pil(np.zeros((2, 2)))  # type: ignore[arg-type]

    def test_image_from_memory_is_hashed(self) -> None:
        one, two = (picture_from_pil(Image.new("L", (2, 2), value)).meta for value in (1, 2))
        assert one.sha256 != two.sha256 and one.format == ""


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_as_pillow_does(
        self, orientation: int, kind: str, samples8: NDArray[np.uint8], encode: Encode
    ) -> None:
        exif = Image.Exif()
        exif[274] = orientation
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(Image.fromarray(samples8), kind, exif=exif, **options)
        opened = Image.open(io.BytesIO(data))
        opened.load()
        expected = ImageOps.exif_transpose(opened)
        picture = read(data)
        assert np.allclose(pixels_of(picture), np.asarray(expected), atol=1e-4)
        assert picture.meta.exif is None

    def test_camera_held_upright(self) -> None:
        # 6: the first row is the right-hand side, the first column the top.
        image = Image.fromarray(np.array([[10, 20, 30], [40, 50, 60]], np.uint8))
        image.getexif()[274] = 6
        found = pixels_of(picture_from_pil(image))[..., 0].round()
        assert found.tolist() == [[40, 10], [50, 20], [60, 30]]

    def test_alpha_turns_too(self, encode: Encode) -> None:
        image = Image.new("LA", (2, 1), (9, 0))
        image.putpixel((1, 0), (9, 255))
        exif = Image.Exif()
        exif[274] = 8
        picture = read(encode(image, "PNG", exif=exif))
        assert picture.alpha is not None and picture.alpha.tolist() == [[[1], [0]]]

    @pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x"])
    def test_damaged_exif_is_no_obstacle(self, exif: bytes, encode: Encode) -> None:
        picture = read(encode(Image.new("RGB", (3, 2)), "PNG", exif=exif))
        assert (picture.width, picture.height, picture.meta.exif) == (3, 2, None)
