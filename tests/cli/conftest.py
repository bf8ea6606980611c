"""The command line in this process with a fake core, and in a child process."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stylecli.cli.app import main

FAKE_PROGRAM = Path(__file__).with_name("fake_program.py")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _child_finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any folder, installed or not."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE_PROGRAM.parents[2]))


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fake_program", FAKE_PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_core(monkeypatch: pytest.MonkeyPatch) -> None:
    _load().install(lambda owner, name, value: monkeypatch.setattr(owner, name, value, False))


@pytest.fixture
def stylize(
    fake_core: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> Callable[..., Ended]:
    """Run the program here, in `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return run


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
