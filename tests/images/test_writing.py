"""What is written, read back by Pillow rather than by our own reader where that can be."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.errors import OutputError
from stylecli.images.formats import OutputOptions
from stylecli.images.picture import Metadata
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture

from .conftest import SUFFIXES

DEEP = OutputOptions(bits=16)
LOSSLESS = ["png", "tif"]


@pytest.fixture
def alpha() -> torch.Tensor:
    """From clear on the left to opaque on the right, (1, 12, 20)."""
    return (torch.arange(20.0) * 13 / 255).clamp(max=1).expand(1, 12, 20).contiguous()


def loaded(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("quality", [1, 92, 95, 100])
def test_noise_is_written_in_any_quality(suffix: str, quality: int, tmp_path: Path) -> None:
    """It takes more bytes than pictures do: of JPEG more than one for a pixel."""
    noise = torch.rand((3, 200, 300), generator=torch.Generator().manual_seed(0))
    write_picture(tmp_path / f"a.{suffix}", noise, options=OutputOptions(quality=quality))
    assert loaded(tmp_path / f"a.{suffix}").shape == (200, 300, 3)


class TestPixels:
    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_8_bits_round_to_nearest(self, suffix: str, tmp_path: Path) -> None:
        levels = torch.tensor([0, 0.49, 0.51, 1, 254.49, 254.51, 255, -40, 400]) / 255
        write_picture(tmp_path / f"a.{suffix}", levels.expand(3, 1, 9))
        found = loaded(tmp_path / f"a.{suffix}")[0, :, 0]
        assert found.tolist() == [0, 0, 1, 1, 254, 255, 255, 0, 255]

    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_every_8_bit_level_survives(self, suffix: str, tmp_path: Path) -> None:
        levels = (torch.arange(256.0) / 255).expand(3, 2, 256)
        write_picture(tmp_path / f"a.{suffix}", levels)
        assert np.array_equal(loaded(tmp_path / f"a.{suffix}")[1, :, 2], np.arange(256))
        assert torch.equal(read_picture(tmp_path / f"a.{suffix}").pixels, levels)

    @pytest.mark.parametrize("suffix", LOSSLESS)
    @pytest.mark.parametrize("with_alpha", [False, True])
    def test_every_16_bit_level_survives(
        self, suffix: str, with_alpha: bool, tmp_path: Path
    ) -> None:
        levels = (torch.arange(65536.0) / 65535).reshape(1, 256, 256)
        pixels = torch.cat([levels, levels.flip(1), levels.flip(2)])
        clear = levels.transpose(1, 2).contiguous() if with_alpha else None
        path = tmp_path / f"a.{suffix}"
        write_picture(path, pixels, alpha=clear, options=DEEP)
        back = read_picture(path)
        assert back.meta.bits == 16 and torch.equal(back.pixels, pixels)
        assert clear is None or (back.alpha is not None and torch.equal(back.alpha, clear))

    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_high_bytes_as_pillow_sees_them(self, suffix: str, tmp_path: Path) -> None:
        # Pillow alone reads the upper half of each sample: an independent look at the file.
        values = torch.randint(0, 65536, (3, 6, 9), generator=torch.Generator().manual_seed(0))
        write_picture(tmp_path / f"a.{suffix}", values / 65535, options=DEEP)
        found = torch.from_numpy(loaded(tmp_path / f"a.{suffix}").copy()).permute(2, 0, 1)
        assert torch.equal(found.int(), (values >> 8).int())

    @pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
    def test_lossy_formats_are_close(
        self, suffix: str, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        path = tmp_path / f"a.{suffix}"
        write_picture(path, picture, options=OutputOptions(quality=95))
        # WebP halves the color resolution, whatever the quality.
        assert (read_picture(path).pixels - picture).abs().max() < (
            0.12 if suffix == "webp" else 0.04
        )
        fine = path.stat().st_size
        write_picture(path, picture, options=OutputOptions(quality=20))
        assert path.stat().st_size < fine

    def test_jpeg_keeps_full_color_resolution(self, picture: torch.Tensor, tmp_path: Path) -> None:
        write_picture(tmp_path / "a.jpg", picture)
        with Image.open(tmp_path / "a.jpg") as image:
            assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]

    def test_webp_at_100_is_lossless(
        self, picture: torch.Tensor, alpha: torch.Tensor, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.webp"
        write_picture(path, picture, alpha=alpha, options=OutputOptions(quality=100))
        assert torch.equal(read_picture(path).pixels, picture)

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (700, 1100)])
    def test_all_sizes(self, bits: Any, size: tuple[int, int], tmp_path: Path) -> None:
        # The last one takes several strips, and several blocks of filtered rows.
        y, x = torch.meshgrid(*(torch.linspace(0, 1, n) for n in size), indexing="ij")
        noise = torch.rand(size, generator=torch.Generator().manual_seed(1))
        levels = 2**bits - 1
        pixels = (torch.stack((x, y, noise)) * levels).round() / levels
        for suffix in LOSSLESS:
            path = tmp_path / f"a.{suffix}"
            write_picture(path, pixels, options=OutputOptions(bits=bits))
            assert torch.equal(read_picture(path).pixels, pixels)

    def test_a_picture_that_wants_gradients(self, picture: torch.Tensor, tmp_path: Path) -> None:
        write_picture(tmp_path / "a.png", picture.double().requires_grad_())
        assert torch.equal(read_picture(tmp_path / "a.png").pixels, picture)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_same_picture_same_bytes(
        self, suffix: str, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
        for path in files:
            write_picture(path, picture, recipe="{}")
        assert files[0].read_bytes() == files[1].read_bytes()


class TestAlpha:
    @pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif"])
    def test_kept(
        self, suffix: str, picture: torch.Tensor, alpha: torch.Tensor, tmp_path: Path
    ) -> None:
        path = tmp_path / f"a.{suffix}"
        assert write_picture(path, picture, alpha=alpha) == ()
        with Image.open(path) as image:
            assert image.mode == "RGBA"
            found = np.asarray(image)[..., 3] / 255
        assert np.abs(found - alpha[0].numpy()).max() <= (0.03 if suffix == "avif" else 1e-6)

    def test_jpeg_lies_on_white(
        self, picture: torch.Tensor, alpha: torch.Tensor, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.jpg"
        notes = write_picture(path, picture, alpha=alpha, options=OutputOptions(quality=100))
        assert len(notes) == 1 and "laid on white" in notes[0]
        expected = picture * alpha + (1 - alpha)
        assert (read_picture(path).pixels - expected).abs().max() < 0.03

    def test_opaque_alpha_in_a_jpeg_is_not_worth_a_note(
        self, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        assert write_picture(tmp_path / "a.jpg", picture, alpha=torch.ones(1, 12, 20)) == ()


class TestMetadata:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_srgb_profile(self, suffix: str, picture: torch.Tensor, tmp_path: Path) -> None:
        write_picture(tmp_path / f"a.{suffix}", picture)
        with Image.open(tmp_path / f"a.{suffix}") as image:
            profile = image.info["icc_profile"]
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        assert "sRGB" in ImageCms.getProfileDescription(opened)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_resolution(self, suffix: str, picture: torch.Tensor, tmp_path: Path) -> None:
        path = tmp_path / f"a.{suffix}"
        write_picture(path, picture, meta=Metadata(dpi=(300.0, 150.0)))
        assert read_picture(path).meta.dpi == pytest.approx((300, 150), rel=1e-4)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_text_byte_for_byte(self, suffix: str, picture: torch.Tensor, tmp_path: Path) -> None:
        name = "Zoë 美 ñ".encode()
        given = Image.Exif()
        given.update({315: name, 33432: "© Zoë".encode("latin-1")})
        source = tmp_path / "in.jpg"
        Image.new("RGB", (20, 12)).save(source, exif=given)
        path = tmp_path / f"out.{suffix}"
        write_picture(path, picture, meta=read_picture(source).meta)
        assert name + b"\0" in path.read_bytes()
        with Image.open(path) as image:
            assert image.getexif()[33432].encode("latin-1") == "© Zoë".encode("latin-1")


class TestRefusals:
    @pytest.mark.parametrize("shape", [(12, 20), (1, 3, 12, 20), (4, 12, 20), (3, 0, 20)])
    def test_wrong_shapes(self, shape: tuple[int, ...], tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=r"pixels must be \(3, H, W\)"):
            write_picture(tmp_path / "a.png", torch.zeros(shape))
        assert not list(tmp_path.iterdir())

    def test_alpha_of_another_size(self, picture: torch.Tensor, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=r"alpha must be \(1, 12, 20\), got \(1, 20, 12\)"):
            write_picture(tmp_path / "a.png", picture, alpha=torch.ones(1, 20, 12))

    def test_no_numbers(self, picture: torch.Tensor, tmp_path: Path) -> None:
        for broken in (torch.nan, torch.inf):
            alpha, pixels = torch.ones(1, 12, 20), picture.clone()
            alpha[0, 2, 3] = pixels[1, 2, 3] = broken
            with pytest.raises(OutputError, match="no numbers"):
                write_picture(tmp_path / "a.png", pixels)
            with pytest.raises(OutputError, match="no numbers"):
                write_picture(tmp_path / "a.png", picture, alpha=alpha)

    def test_unknown_suffix(self, picture: torch.Tensor, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=r"use one of \.png"):
            write_picture(tmp_path / "a.gif", picture)

    def test_too_large_for_the_format(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="WEBP holds at most 16383 pixels a side"):
            write_picture(tmp_path / "a.webp", torch.zeros(3, 1, 16384))
        write_picture(tmp_path / "a.webp", torch.zeros(3, 1, 16383))

    def test_16_bits_where_there_are_8(self, picture: torch.Tensor, tmp_path: Path) -> None:
        notes = write_picture(tmp_path / "a.jpg", picture, options=DEEP)
        assert notes == ("JPEG holds 8 bits a channel, not 16",)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_a_quality_where_there_is_none(
        self, suffix: str, picture: torch.Tensor, tmp_path: Path
    ) -> None:
        notes = write_picture(tmp_path / f"a{suffix}", picture, options=OutputOptions(quality=50))
        assert len(notes) == 1 and "--jpeg-quality changes nothing" in notes[0]
        assert write_picture(tmp_path / f"a{suffix}", picture) == ()

    def test_8_bits_where_the_content_has_16(self, picture: torch.Tensor, tmp_path: Path) -> None:
        meta = Metadata(bits=16)
        notes = write_picture(tmp_path / "a.tif", picture, meta=meta)
        assert notes == (
            "written with 8 bits a channel, and the content has 16: --bits 16 keeps them",
        )
        assert write_picture(tmp_path / "a.tif", picture, meta=meta, options=DEEP) == ()

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_failure_midway_leaves_the_old_file(
        self, suffix: str, picture: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(b"old")

        def fail(file: Any, *_: Any, **__: Any) -> None:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")

        for name in ("write_png", "write_tiff"):
            monkeypatch.setattr(f"stylecli.images.writing.{name}", fail)
        monkeypatch.setattr(Image.Image, "save", lambda self, file, *_, **__: fail(file))
        with pytest.raises(OutputError, match=f"a.{suffix}: no space left on device"):
            write_picture(path, picture)
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


class TestStreams:
    def test_png(self, picture: torch.Tensor, alpha: torch.Tensor) -> None:
        stream = io.BytesIO()
        write_picture(stream, picture, alpha=alpha, options=DEEP)
        assert torch.equal(read_picture(io.BytesIO(stream.getvalue())).pixels, picture)

    def test_reader_gone(self, picture: torch.Tensor) -> None:
        class Closed(io.BytesIO):
            def write(self, _: Any) -> int:
                raise BrokenPipeError(32, "Broken pipe")

        with pytest.raises(OutputError, match="standard output: broken pipe"):
            write_picture(Closed(), picture)
