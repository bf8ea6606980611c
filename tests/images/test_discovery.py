"""Which pictures a batch is about, and the lines of a list of jobs."""

import os
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import InputError
from stylecli.images.discovery import MAX_LINE, BadLine, Found, Line, find_pictures, read_lines


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with pictures, and with what lies beside pictures."""
    for name in (
        "photos/b.JPG",
        "photos/a.png",
        "photos/notes.txt",
        "photos/.hidden.png",
        "photos/deep/c.webp",
        "photos/deep/x.png/d.png",
        "photos/.thumbnails/e.png",
        "junk/readme.md",
        "one.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*given: str, recursive: bool = False) -> list[str]:
    return [found.path.as_posix() for found in find_pictures(given, recursive=recursive)]


def test_files_folders_and_patterns() -> None:
    assert names("one.png") == ["one.png"]
    assert names("photos") == ["photos/a.png", "photos/b.JPG"]
    assert names("photos", recursive=True) == [
        "photos/a.png",
        "photos/b.JPG",
        "photos/deep/c.webp",
        "photos/deep/x.png/d.png",
    ]
    assert names("photos/*.png") == ["photos/a.png"]
    assert names("photos/**/*.webp") == ["photos/deep/c.webp"]
    assert names("photos/deep/*") == ["photos/deep/c.webp"]  # the folder is no file
    assert names("missing.png") == ["missing.png"]  # its turn comes


def test_each_once_in_the_order_of_naming(tree: Path) -> None:
    given = ["one.png", "photos/b.JPG", "./one.png", "photos", str(tree / "one.png")]
    assert names(*given) == ["one.png", "photos/b.JPG", "photos/a.png"]


def test_the_folder_below_the_one_that_was_named() -> None:
    found = find_pictures(["photos", "one.png"], recursive=True)
    assert [each.folder.as_posix() for each in found] == [".", ".", "deep", "deep/x.png", "."]
    assert Found(Path("a/b.png")).folder == Path()


def test_a_file_that_looks_like_a_pattern() -> None:
    Path("[1].png").touch()
    assert names("[1].png") == ["[1].png"]


@pytest.mark.parametrize("name", ["empty", "junk", "nothing*.png", "jun*"])
def test_what_stands_for_nothing(name: str) -> None:
    with pytest.raises(InputError, match=r"no pictures in|no file matches"):
        names(name)


def test_the_hint_of_a_folder_with_folders() -> None:
    with pytest.raises(InputError, match="--recursive"):
        names("empty")
    with pytest.raises(InputError, match=r"in empty\.$"):
        names("empty", recursive=True)


@pytest.mark.parametrize("name", ["x" * 300, "one.png/below.png"])
def test_names_that_cannot_be(name: str) -> None:
    assert names(name) == [name]


def test_a_closed_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(path: str) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InputError, match="cannot read the folder photos.deep: permission denied"):
        names("photos", recursive=True)


def lines(*given: str) -> list[Line | BadLine]:
    return list(read_lines(given))


def test_paths_and_columns() -> None:
    Path("a, b.png").touch()
    assert lines(
        "one.png\n",
        "",
        "   \r\n",
        "  # a comment",
        "missing.png",
        "a, b.png",
        "one.png,s.png",
        'one.png, "s, t.png", deep/out.png',
        "with space.png",
    ) == [
        Line(1, Path("one.png")),
        Line(5, Path("missing.png")),
        Line(6, Path("a, b.png")),
        Line(7, Path("one.png"), (Path("s.png"),)),
        Line(8, Path("one.png"), (Path("s, t.png"),), Path("deep/out.png")),
        Line(9, Path("with space.png")),
    ]


def test_json() -> None:
    assert lines(
        '{"content": "one.png"}',
        ' {"content": "one.png", "style": "s.png", "output": "o.png", "size": 64, "seed": 3}',
        '{"content": "one.png", "styles": ["s.png", "t.png"]}',
        '{"content": "one.png", "styles": []}',
    ) == [
        Line(1, Path("one.png")),
        Line(2, Path("one.png"), (Path("s.png"),), Path("o.png"), {"size": 64, "seed": 3}),
        Line(3, Path("one.png"), (Path("s.png"), Path("t.png"))),
        Line(4, Path("one.png")),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a,b,c,d",
        "a,,c",
        ",",
        'a,"b',
        'a,"b"c',
        "a\rb,c",
        "a\0b",
        "{",
        "{}",
        '{"content": "a"} and more',
        '{"content": 3}',
        '{"content": null}',
        '{"content": ""}',
        '{"content": "a\\u0000b"}',
        '{"content": "\\ud800"}',
        '{"content": "a", "style": null}',
        '{"content": "a", "style": ["b"]}',
        '{"content": "a", "styles": "bc"}',
        '{"content": "a", "styles": 5}',
        '{"content": "a", "styles": {"b": 1}}',
        '{"content": "a", "styles": [["b"]]}',
        '{"content": "a", "style": "b", "styles": ["c"]}',
        '{"content": "a", "output": 1}',
        '{"content": ' + "[" * 100_000,
        "x" * (MAX_LINE + 1),
        "x" * 200_000 + ",y",
    ],
    ids=lambda line: repr(line[:50]),
)
def test_a_bad_line_is_told_and_the_others_are_read(line: str) -> None:
    first, bad, last = lines("one.png", line, "one.png,s.png")
    assert isinstance(first, Line) and isinstance(last, Line)
    assert isinstance(bad, BadLine)
    assert (first.number, bad.number, last.number) == (1, 2, 3)
    assert bad.why and bad.why.isprintable()
