"""Files of formats that are not read: each is called by its name, with what to do."""

import io
from pathlib import Path

import pytest
from PIL import Image

from stylecli.errors import InputError
from stylecli.images import foreign_formats
from stylecli.images.header import peek_size
from stylecli.images.reading import read_picture

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(64)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HEIC, "HEIC picture: pip install pillow-heif .*save it as JPEG or PNG"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0heic", "HEIC"),
        (b"\xff\x0a" + bytes(9), "JPEG XL picture, .*save it as JPEG or PNG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x18ftypcrx isom", r"camera raw file \(CR3\).*develop it"),
        (b"FUJIFILMCCD-RAW 0201", r"camera raw file \(RAF\)"),
        (b"8BPS\0\1", "Photoshop document"),
        (b"v/1\x01\2\0\0\0", "OpenEXR picture.*tone-map it"),
        (b"#?RADIANCE\n", "Radiance"),
        (b"%PDF-1.7", "PDF document"),
        (b"<?xml version='1.0'?><svg xmlns='x'>", "SVG drawing"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\0\0\0\x20ftypisomxxxx", "a video"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"PK\3\4", "ZIP archive"),
        (b"words", "it is not a PNG, JPEG"),
    ],
)
def test_the_name_and_what_to_do(
    head: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_formats, "has_heif", lambda: False)
    (path := tmp_path / "x.jpg").write_bytes(head)
    for read in (read_picture, peek_size):
        with pytest.raises(InputError, match=words) as caught:
            read(path)
        assert str(caught.value).endswith(".") and "damaged" not in str(caught.value)


def test_a_sparse_file_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    (path := tmp_path / "x.png").touch()
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="it is not a PNG"):  # not: larger than 4 GiB
        read_picture(path)


def test_a_bitmap_without_a_file_header(tmp_path: Path) -> None:
    Image.new("RGB", (5, 3), "red").save(path := tmp_path / "x.dib")
    assert read_picture(path).pixels[:, 0, 0].tolist() == [1, 0, 0] and peek_size(path) == (3, 5)


def test_heic_is_read_with_pillow_heif(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 100, 50))).save(file, quality=90)
    (path := tmp_path / "x.heic").write_bytes(file.getvalue())
    picture = read_picture(path)
    assert (picture.height, picture.width) == peek_size(path) == (48, 64)
    assert abs(float(picture.pixels[0].mean()) * 255 - 200) < 4
    assert picture.meta.format == "HEIF" and picture.notes == ()
