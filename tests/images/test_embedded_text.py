"""The recipe goes into the picture and comes out the same."""

import json
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image, PngImagePlugin

from stylecli.errors import InputError, OutputError
from stylecli.images.embedded_text import from_comment, read_recipe, to_comment
from stylecli.images.writing import write_picture

SUFFIXES = ["png", "jpg", "webp", "tif", "avif"]
RECIPES = {
    "empty object": "{}",
    "usual": json.dumps({"strength": 0.5, "layers": "relu1_1:5", "seed": 7}, indent=1),
    "not English": json.dumps({"content": "Größe 東京 🎨"}, ensure_ascii=False),
    "64 KiB": json.dumps({"x": "0123456789abcdef" * 5000})[: 2**16],
}


def picture() -> torch.Tensor:
    return torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", RECIPES)
def test_round_trip(suffix: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    assert write_picture(path, picture(), recipe=RECIPES[name]) == ()
    assert read_recipe(path) == RECIPES[name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_none(suffix: str, tmp_path: Path) -> None:
    write_picture(tmp_path / f"a.{suffix}", picture())
    assert read_recipe(tmp_path / f"a.{suffix}") is None


def test_under_its_keyword_in_a_png(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", picture(), recipe='{"ö": 1}')
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["stylecli"] == '{"ö": 1}'


def test_a_png_saved_by_another_program(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("stylecli", '{"seed": 1}', zip=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=info)
    assert read_recipe(tmp_path / "a.png") == '{"seed": 1}'


def test_comment_readable_by_other_programs() -> None:
    assert to_comment('{"seed": 1}') == b'ASCII\0\0\0stylecli recipe: {"seed": 1}'


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "text",
        b"",
        b"ASCII\0\0\0a holiday",
        b"ASCII\0\0\0stylecli recipe: \xff",
        b"\0" * 8 + b"stylecli recipe, deflated: nonsense",
        to_comment("ö" * 9)[:-3],
        b"\0" * 8 + b"stylecli recipe, deflated: " + zlib.compress(b"\xff\xfe"),
        b"\0" * 8 + b"stylecli recipe, deflated: " + zlib.compress(bytes(10**6)),
    ],
)
def test_damaged_or_foreign_comments(comment: object) -> None:
    assert from_comment(comment) is None


def test_too_long_for_any_file(tmp_path: Path) -> None:
    """The picture is worth more than its recipe."""
    notes = write_picture(tmp_path / "a.png", picture(), recipe="x" * (2**16 + 1))
    assert notes == ("the recipe is too long for a file and was left out",)
    assert read_recipe(tmp_path / "a.png") is None


def test_half_a_character(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no file can store"):
        write_picture(tmp_path / "a.png", picture(), recipe="\ud800")


def test_dense_text_in_a_jpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0x10000, 0x2FFFF, (2**14,), generator=generator).tolist()
    recipe = "".join(map(chr, codes))  # 64 KiB that hardly deflate
    assert write_picture(tmp_path / "a.jpg", picture(), recipe=recipe) == ()
    assert read_recipe(tmp_path / "a.jpg") == recipe
    monkeypatch.setattr("stylecli.images.writing._JPEG_SEGMENT", 40_000)
    notes = write_picture(tmp_path / "a.jpg", picture(), recipe=recipe)
    assert notes == ("the recipe does not fit into a JPEG file and was left out",)
    assert read_recipe(tmp_path / "a.jpg") is None


def test_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_recipe(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("words")
    with pytest.raises(InputError, match=r"text\.png"):
        read_recipe(tmp_path / "text.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_mutated_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    write_picture(path, picture(), recipe=RECIPES["usual"])
    original = path.read_bytes()
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        data = bytearray(original)
        for place in torch.randint(0, len(data), (5,), generator=generator).tolist():
            data[place] ^= 1 + seed
        path.write_bytes(data)
        try:
            found = read_recipe(path)
        except InputError:
            continue
        assert found is None or isinstance(found, str)
