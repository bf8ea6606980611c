"""Temporary files that killed processes left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stylecli import atomic
from stylecli.atomic import remove_leftovers

HOST = atomic._host()


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_those_of_the_dead_are_removed(tmp_path: Path, dead: int) -> None:
    gone = [f".stylecli-{HOST}-{dead}-{end}.part" for end in ("abc_1", "x")]
    gone.append(f".stylecli-{HOST}-999999999-abc.part")  # no process has such a number
    kept = [
        f".stylecli-{HOST}-{os.getpid()}-abc.part",  # being written
        f".stylecli-{HOST}-1-abc.part",
        f".stylecli-00000000-{dead}-abc.part",  # of another machine, which may be alive
        f".stylecli-{HOST}-{dead}-abc.png",
        f".stylecli-{HOST}-{dead}.part",
        f"stylecli-{HOST}-{dead}-abc.part",
        "picture.png",
    ]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / gone[0]).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "below"}
    assert (tmp_path / "below" / gone[0]).exists()


def test_what_cannot_be_removed_is_no_error(tmp_path: Path, dead: int) -> None:
    (tmp_path / f".stylecli-{HOST}-{dead}-abc.part").mkdir()
    (tmp_path / f".stylecli-{HOST}-{dead}-abd.part").touch()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    remove_leftovers(tmp_path / "none")
    (tmp_path / "file").touch()
    remove_leftovers(tmp_path / "file")


def test_what_a_killed_process_leaves(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys; from stylecli.atomic import write_atomically\n"
        "kill = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(pathlib.Path(sys.argv[1]), kill)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out.png")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []
