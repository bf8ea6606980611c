"""Which files may be written: never an input, never somebody else's, never through a link."""

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import OutputError
from stylecli.output_guard import OutputGuard, beside, follow_link


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (path := tmp_path / "Caf\N{LATIN SMALL LETTER E WITH ACUTE}.png").write_bytes(b"mine")
    return path


def refuses(guard: OutputGuard, path: Path, words: str) -> None:
    """Before the work, and at the moment of writing."""
    with pytest.raises(OutputError, match=words):
        guard.check(path)
    with pytest.raises(OutputError, match=words):
        guard.write_bytes(path, b"other")


def test_an_input_by_any_name(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(kept)
    os.link(kept, tmp_path / "hard.png")
    names = ["link.png", "hard.png", kept.name.upper(), unicodedata.normalize("NFD", kept.name)]
    for name in [*names, kept.name]:
        refuses(OutputGuard([kept], replace=True), tmp_path / name, "is also an input")
    assert kept.read_bytes() == b"mine"


def test_a_file_that_is_there(kept: Path) -> None:
    guard = OutputGuard()
    refuses(guard, kept, "exists already")
    guard.claim(kept)
    guard.write_bytes(kept, b"new")
    refuses(guard, kept, "exists already")  # it is another one now
    guard.claim(kept)
    kept.write_bytes(b"changed since")
    refuses(guard, kept, "exists already")
    guard.claim_same(kept, "0" * 64)
    refuses(guard, kept, "exists already")
    assert kept.read_bytes() == b"changed since"
    OutputGuard(replace=True).write_bytes(kept, b"forced")
    assert kept.read_bytes() == b"forced"


@pytest.mark.parametrize("place", ["victim", "nowhere"])
def test_a_planted_link_is_not_followed(tmp_path: Path, place: str) -> None:
    (tmp_path / "victim").write_bytes(b"secret")
    (link := tmp_path / "side.jpg").symlink_to(tmp_path / place)
    refuses(OutputGuard(), link, "exists already")
    OutputGuard(replace=True).write_bytes(link, b"new")
    assert not link.is_symlink() and not (tmp_path / "nowhere").exists()
    assert (tmp_path / "victim").read_bytes() == b"secret"


def test_a_plain_link_of_the_users_own_is_followed(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (link := tmp_path / "link.png").symlink_to(kept)
    assert follow_link(link) == kept and follow_link(kept) == kept
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    status = os.stat

    class Other:
        st_uid = 4343

    monkeypatch.setattr(os, "stat", lambda path: Other if path == tmp_path else status(path))
    with pytest.raises(OutputError, match="link of another user"):
        follow_link(link)


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="only root plants another's link")
def test_a_link_that_another_user_planted(kept: Path, tmp_path: Path) -> None:
    """In a shared folder: neither the output nor a file beside it goes where the link leads."""
    (shared := tmp_path / "shared").mkdir()
    shared.chmod(0o1777)
    for name in ("out.png", "out.png.preview.jpg", "manifest.jsonl"):
        (shared / name).symlink_to(kept)
        os.lchown(shared / name, 12345, 12345)
    with pytest.raises(OutputError, match="link of another user"):
        follow_link(shared / "out.png")
    for name in ("out.png.preview.jpg", "manifest.jsonl"):
        refuses(OutputGuard(), shared / name, "exists already")
    assert kept.read_bytes() == b"mine"


@pytest.mark.parametrize("letter", ["x", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_names_beside_a_long_name(tmp_path: Path, letter: str) -> None:
    path = tmp_path / (letter * (246 // len(letter.encode())) + ".png")
    names: set[Any] = set()
    for suffix in (".checkpoint", ".preview.jpg", "-steps"):
        side = beside(path, suffix)
        side.touch()
        assert side.name.endswith(suffix)
        names.add(side)
    assert len(names) == 3
    assert beside(Path("a/b.png"), ".checkpoint") == Path("a/b.png.checkpoint")
