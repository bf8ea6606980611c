"""Either the old file or the complete new one."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from stylecli.atomic import write_atomically
from stylecli.errors import OutputError
from stylecli.messages import reason


def new(file: BinaryIO) -> None:
    file.write(b"new")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file that holds `old`, alone in its folder."""
    (path := tmp_path / "folder" / "target").parent.mkdir()
    path.write_bytes(b"old")
    return path


def test_replaces(target: Path) -> None:
    write_atomically(target, new)
    assert target.read_bytes() == b"new" and list(target.parent.iterdir()) == [target]


def test_makes_missing_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "c", new)
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_an_exception_midway_changes_nothing(target: Path, error: BaseException) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        assert target.read_bytes() == b"old"
        raise error

    with pytest.raises(type(error)):
        write_atomically(target, fail)
    assert target.read_bytes() == b"old" and list(target.parent.iterdir()) == [target]


def test_a_full_disk(target: Path) -> None:
    def fail(file: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="folder/target: no space left on device.$"):
        write_atomically(target, fail)
    assert target.read_bytes() == b"old" and list(target.parent.iterdir()) == [target]


def test_a_really_full_disk(target: Path) -> None:
    def fill(file: BinaryIO) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(OutputError, match="no space left on device"):
        write_atomically(target, fill)
    assert target.read_bytes() == b"old"


def test_killed_midway(target: Path) -> None:
    code = (
        "import os, signal, sys, pathlib; from stylecli.atomic import write_atomically\n"
        "def write(file):\n"
        "    file.write(b'x' * 100000); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(pathlib.Path(sys.argv[1]), write)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"


def test_modes(target: Path) -> None:
    target.chmod(0o640)
    write_atomically(target, new)
    assert target.stat().st_mode & 0o777 == 0o640
    mask = os.umask(0o027)
    try:
        write_atomically(target.with_name("fresh"), new)
    finally:
        os.umask(mask)
    assert target.with_name("fresh").stat().st_mode & 0o777 == 0o640


def test_a_link_is_replaced_and_never_followed(target: Path, tmp_path: Path) -> None:
    for name, place in (("link", target), ("dangling", tmp_path / "later")):
        (link := tmp_path / name).symlink_to(place)
        write_atomically(link, new)
        assert not link.is_symlink() and link.read_bytes() == b"new"
    assert target.read_bytes() == b"old" and not (tmp_path / "later").exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_stays(tmp_path: Path, monkeypatch: Any, links: bool) -> None:
    """In one step of the file system, with hard links or without."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "out"

    def appear(_: Path) -> bool:
        path.write_bytes(b"mine")
        return False

    with pytest.raises(OutputError, match="has appeared meanwhile"):
        write_atomically(path, new, may_replace=appear)
    assert path.read_bytes() == b"mine" and list(tmp_path.iterdir()) == [path]
    path.unlink()
    write_atomically(path, new, may_replace=lambda _: False)
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_the_umask_and_tight_modes_hold_at_every_moment(target: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "umask", None)  # another thread's files would get none
    modes: list[int] = []

    def look(file: BinaryIO) -> None:
        modes.append(os.fstat(file.fileno()).st_mode & 0o777)

    target.chmod(0o600)
    write_atomically(target, look)
    assert modes == [0o600] and target.stat().st_mode & 0o777 == 0o600


def test_folder_as_target(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        write_atomically(tmp_path, new)
    assert not list(tmp_path.iterdir())


def test_file_as_folder(target: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_atomically(target / "below", new)


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (Path("/dev/null"), pipe):
        with pytest.raises(OutputError, match="not a regular file"):
            write_atomically(path, new)
    assert Path("/dev/null").is_char_device() and pipe.is_fifo()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_atomically(tmp_path / name, new)
    assert not list(tmp_path.iterdir())


def test_reasons() -> None:
    assert reason(PermissionError(13, "Permission denied")) == "permission denied"
    assert reason(OSError("Broken data")) == "broken data"
    assert reason(OSError()) == "oserror"
