from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.header import peek_size
from stylecli.images.reading import read_picture

FORMATS = ("png", "jpg", "webp", "tif", "avif", "bmp", "gif")
ORIENTED = ("png", "jpg", "webp", "tif", "avif")
ORIENTATION = 274


def write(path: Path, orientation: int | None = None) -> Path:
    """A picture of 20x12 pixels before it is turned."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    keywords: dict[str, Any] = {} if orientation is None else {"exif": exif}
    Image.new("RGB", (20, 12), (200, 10, 10)).save(path, **keywords)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_height_and_width(tmp_path: Path, suffix: str) -> None:
    assert peek_size(write(tmp_path / f"one.{suffix}")) == (12, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ORIENTED)
def test_the_size_is_that_of_the_picture_read(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    path = write(tmp_path / f"one.{suffix}", orientation)
    read = read_picture(path)
    assert peek_size(path) == (read.height, read.width)
    assert (read.height, read.width) == ((20, 12) if orientation >= 5 else (12, 20))


def test_the_header_is_enough(tmp_path: Path, content_path: Path) -> None:
    data = content_path.read_bytes()
    cut = tmp_path / "cut.png"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError):
        read_picture(cut)
    assert peek_size(cut) == (48, 64)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "gif"])
def test_the_pixels_are_not_read(tmp_path: Path, suffix: str) -> None:
    """A sparse file past the size that is read whole: its header alone gives the size."""
    path = write(tmp_path / f"one.{suffix}")
    with path.open("ab") as file:
        file.truncate(5 * 2**30)
    assert peek_size(path) == (12, 20)


def test_what_is_no_picture(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture", encoding="utf-8")
    with pytest.raises(InputError, match="^cannot read .*text.png: it is not a PNG, .* picture"):
        peek_size(text)
    with pytest.raises(InputError, match="missing.png: there is no such file"):
        peek_size(tmp_path / "missing.png")


def test_a_picture_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecli.images.safe_open.MAX_SIDE", 19)
    with pytest.raises(InputError, match="one.png is too large with 20x12 pixels"):
        peek_size(write(tmp_path / "one.png"))
