"""Which pictures a batch is about, and the lines of a list of jobs."""

import os
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import InputError
from stylecli.images import formats
from stylecli.images.discovery import find_pictures, natural_key


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


def notes_on(*given: str, recursive: bool = True) -> str:
    notes: list[str] = []
    find_pictures(given, recursive=recursive, on_note=notes.append)
    return "\n".join(notes)


def test_a_closed_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(path: str) -> Any:
        if Path(path).name == shut:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    shut = "deep"
    assert names("photos", recursive=True) == ["photos/a.png", "photos/b.JPG"]
    assert "folders that cannot be read, left out: 1 (deep (permission denied))" in notes_on(
        "photos"
    )
    shut = "photos"
    with pytest.raises(InputError, match="cannot read the folder photos: permission denied"):
        names("photos", recursive=True)


def test_what_a_folder_holds_besides(tree: Path) -> None:
    for name in ("one.dng", "two.dng", "Thumbs.db", "noext", "._a.jpg"):
        (tree / "junk" / name).touch()
    (tree / "junk/a.jfif").touch()
    (tree / "junk/b.png").symlink_to(tree / "one.png")
    (tree / "junk/away").symlink_to(tree / "photos")
    notes = notes_on("junk")
    assert (
        "left out, no pictures by their names: 5 (1 .db, 2 .dng, 1 .md, 1 without a suffix)"
        in notes
    )
    assert "left out, hidden: 1 (._a.jpg)" in notes
    assert "links to folders, not followed: 1 (away)" in notes
    assert "pictures that are links, followed: 1 (b.png)" in notes
    assert names("junk", recursive=True) == ["junk/a.jfif", "junk/b.png"]
    assert notes_on("photos/deep/x.png") == ""


def test_a_folder_without_pictures_says_what_is_there() -> None:
    with pytest.raises(InputError, match=r"no pictures in junk.*1 \.md"):
        names("junk")


@pytest.mark.parametrize("suffix", [".jfif", ".pjpeg", ".MPO", ".apng", ".dib", ".jpe", ".tiff"])
def test_every_suffix_that_is_read(tree: Path, suffix: str) -> None:
    (tree / f"junk/x{suffix}").touch()
    assert names("junk") == [f"junk/x{suffix}"]


def test_heic_where_it_can_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "junk/x.heic").touch()
    for readable in (False, True):
        monkeypatch.setattr(formats, "has_heif", lambda readable=readable: readable)
        formats.readable_suffixes.cache_clear()
        if readable:
            assert names("junk") == ["junk/x.heic"]
        else:
            with pytest.raises(InputError, match=r"1 \.heic.*pip install pillow-heif reads HEIC"):
                names("junk")
    formats.readable_suffixes.cache_clear()


def test_natural_order() -> None:
    expected = ["n/a1.png", "n/a2.png", "n/a10.png", "n/b.png", "n/d2/1.png", "n/d10/1.png"]
    for name in reversed(expected):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert names("n", recursive=True) == names("n/**/*.png") == expected
    assert sorted(["a01", "a1", "a", "a2"], key=natural_key) == ["a", "a01", "a1", "a2"]
