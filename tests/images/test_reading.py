"""Files and Pillow images of every kind to pixels, and a clear refusal of all the rest."""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from stylecli.errors import InputError
from stylecli.images.picture import Picture
from stylecli.images.reading import picture_from_pil, read_picture

Encode = Callable[..., bytes]


def pixels_of(picture: Picture) -> NDArray[Any]:
    """Pixels as (H, W, 3) in 0..255."""
    assert picture.pixels.dtype == torch.float32 and picture.pixels.is_contiguous()
    return picture.pixels.permute(1, 2, 0).numpy() * 255


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data))


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


class TestRefusals:
    """Every message is one sentence that names the file."""

    def refuse(self, source: Path, *words: str) -> None:
        with pytest.raises(InputError) as caught:
            read_picture(source)
        message = str(caught.value)
        assert message.endswith(".") and "\n" not in message and source.name in message
        assert all(word in message for word in words), message

    def test_missing(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "gone.jpg", "no such file")

    def test_folder(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "folder")

    def test_empty(self, tmp_path: Path) -> None:
        (path := tmp_path / "x.png").touch()
        self.refuse(path, "it is empty")

    def test_text(self, tmp_path: Path) -> None:
        (path := tmp_path / "text.jpg").write_text("These are words, not pixels.\n" * 50)
        self.refuse(path, "not a PNG, JPEG, WebP")

    def test_formats_off_the_list(self, tmp_path: Path) -> None:
        (path := tmp_path / "x.png").write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        )
        self.refuse(path, "not a PNG")
        Image.new("RGB", (4, 4)).save(path, "PPM")
        self.refuse(path, "not a PNG")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
    def test_truncated(self, kind: str, share: float, tmp_path: Path, encode: Encode) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
        data = encode(Image.fromarray(noise), kind)
        (path := tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
        self.refuse(path)

    def test_fifo_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(path := tmp_path / "pipe.png")
        self.refuse(path, "not a regular file")

    def test_device(self) -> None:
        self.refuse(Path("/dev/zero"), "not a regular file")

    def test_loop_of_links(self, tmp_path: Path) -> None:
        (path := tmp_path / "loop.png").symlink_to(path)
        self.refuse(path, "symbolic links")

    def test_forbidden(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> int:  # root is never refused by a file's mode
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        self.refuse(tmp_path / "secret.png", "permission denied")

    def test_impossible_names(self) -> None:
        with pytest.raises(InputError, match=r"a\\x00b.*not a valid file name"):
            read_picture(Path("a\0b"))
        with pytest.raises(InputError, match="no such file") as caught:
            read_picture(Path("no\nsuch\udc80.png"))
        assert "\n" not in str(caught.value) and str(caught.value).encode()

    def test_stream(self) -> None:
        with pytest.raises(InputError, match="cannot read standard input: it is empty"):
            read_picture(io.BytesIO())
        with pytest.raises(InputError, match="cannot read the pipe: "):
            read_picture(io.BytesIO(b"words"), name="the pipe")
        with pytest.raises(InputError, match="not a stream of bytes"):
            read_picture(io.StringIO("words"))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "size", [(32769, 1), (16385, 16384), (100_000, 100_000), (2**31 - 1,) * 2]
    )
    def test_bombs(self, size: tuple[int, int], tmp_path: Path) -> None:
        head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
            for k, d in chunks
        )
        (path := tmp_path / "bomb.png").write_bytes(data)
        self.refuse(path, "32768 pixels a side", "268 million")

    def test_largest_side_is_read_and_nothing_stays_changed(self, encode: Encode) -> None:
        limit = Image.MAX_IMAGE_PIXELS
        assert read(encode(Image.new("1", (32768, 1)), "PNG")).width == 32768
        assert limit == Image.MAX_IMAGE_PIXELS and not ImageFile.LOAD_TRUNCATED_IMAGES

    def test_file_too_large(self, monkeypatch: pytest.MonkeyPatch, encode: Encode) -> None:
        monkeypatch.setattr("stylecli.images.input_bytes.MAX_FILE_BYTES", 20)
        with pytest.raises(InputError, match="larger than"):
            read(encode(Image.new("RGB", (9, 9)), "PNG"))

    @pytest.mark.parametrize(
        "error",
        [
            OSError("x"),
            SyntaxError("x"),
            ValueError(),
            struct.error("x"),
            TypeError("a\nb"),
            MemoryError(),
        ],
    )
    def test_whatever_pillow_raises(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch, encode: Encode
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(InputError, match=r"^cannot read standard input: [^\n]+\.$"):
            read(encode(Image.new("RGB", (9, 9)), "PNG"))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
    def test_mutated_files(self, kind: str, samples8: NDArray[np.uint8], encode: Encode) -> None:
        rng = np.random.default_rng(3)
        original = encode(Image.fromarray(samples8), kind)
        for _ in range(60):
            data = np.frombuffer(original, np.uint8).copy()
            data[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            try:
                picture = read(data.tobytes())
            except InputError:
                continue
            assert bool(((picture.pixels >= 0) & (picture.pixels <= 1)).all())
