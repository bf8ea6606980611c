"""Which pictures a batch is about, and the lines of a list of jobs."""

import os
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import InputError
from stylecli.images.discovery import find_pictures


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
    return [path.as_posix() for path in find_pictures(given, recursive=recursive)]


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
    subfolders = list(find_pictures(["photos", "one.png"], recursive=True).values())
    assert subfolders == [Path(), Path(), Path("deep"), Path("deep/x.png"), None]


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
