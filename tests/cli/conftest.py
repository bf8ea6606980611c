"""The command line in this process with a fake core, and in a child process."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stylecli.cli.app import main
from stylecli.cli.progress import Screen

from .fake_program import install

OPTIONS = ("--iterations", 4, "--device", "cpu", "--precision", "fp32")


FAKE_PROGRAM = Path(__file__).with_name("fake_program.py")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _child_finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any folder, installed or not."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE_PROGRAM.parents[2]))


@pytest.fixture
def fake_core(monkeypatch: pytest.MonkeyPatch) -> None:
    install(lambda owner, name, value: monkeypatch.setattr(owner, name, value, False))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program here, in `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return start


@pytest.fixture
def stylize(fake_core: None, run: Run) -> Run:
    """Run the program here, in `tmp_path`, with a fake core."""
    return run


@pytest.fixture
def stopped(run: Run, content_path: Path, style_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Start a run, or go on with one, that a signal stops after so many iterations."""

    def start(after: int, *arguments: object, number: int = signal.SIGINT) -> Ended:
        left = iter(range(1, 1000))

        def step(_: Screen, progress: object) -> None:
            if next(left) == after:
                signal.raise_signal(number)

        with monkeypatch.context() as patch:
            patch.setattr(Screen, "step", step)
            patch.setattr("stylecli.cli.app.die", lambda number: 128 + number)
            return run(*(arguments or (content_path, style_path, "-o", "out.png", *OPTIONS)))

    return start


@pytest.fixture
def picture(run: Run, content_path: Path, style_path: Path, tmp_path: Path) -> Path:
    """A finished picture, `whole.png`."""
    code, out, err = run(content_path, style_path, "-o", "whole.png", *OPTIONS)
    assert (code, out) == (0, ""), err
    return tmp_path / "whole.png"


def complaint(ended: Ended) -> str:
    """The one sentence that a refusal ends with."""
    last = ended.err.splitlines()[-1]
    assert ended.code != 0 and ended.out == "" and "Traceback" not in ended.err
    assert last.startswith("stylize: error: ") and last.endswith(".")
    return last


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the program, with a fake core unless `real`, as a process of its own."""

    def run(
        *arguments: object, real: bool = False, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        program = ["-m", "stylecli"] if real else [str(FAKE_PROGRAM)]
        command = [sys.executable, *program, *map(str, arguments)]
        more = {"capture_output": True, "cwd": tmp_path, "check": False, "timeout": 120, **more}
        return subprocess.run(command, **more)

    return run
