"""Stand-ins for systems that are not here: their names are missing, their calls answer as theirs.

The package is imported anew within, so that what it does on import is seen as well. Nothing of
this is a run on such a system.
"""

import contextlib
import ctypes
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
import typer.main
import typer.rich_utils
from tqdm import tqdm

# Libraries choose what suits the system when they are imported: they stay this system's.
LIBRARIES = (psutil, torch, typer.main, typer.rich_utils, tqdm)
FAKE_PROGRAM = Path(__file__).parents[1] / "cli" / "fake_program.py"
# What Windows' Python lacks, of what the standard library itself can do without here.
MISSING: dict[ModuleType, tuple[str, ...]] = {
    os: (
        *("pread", "pwrite", "preadv", "fork", "geteuid", "getuid", "getegid", "getgid"),
        *("killpg", "setsid", "getpgid", "chown", "fchown", "fchmod", "mkfifo", "statvfs"),
        *("sysconf", "nice", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY", "O_SYNC"),
        *("sched_getaffinity", "posix_fadvise", "getloadavg", "lockf", "sendfile"),
    ),
    signal: (
        *("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGQUIT"),
        *("pthread_sigmask", "sigwait", "alarm", "setitimer", "siginterrupt"),
    ),
}
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline")
LOCKED = 2**30


@dataclass
class Machine:
    """A stand-in: its program, what holds files open, and the calls that were seen."""

    run: Callable[..., "Ended"]
    refusals: int = 0  # of `os.replace`, from now on
    calls: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@contextlib.contextmanager
def imported_anew() -> Iterator[None]:
    """Within, nothing of the package is imported yet."""

    def ours() -> dict[str, ModuleType]:
        return {name: sys.modules[name] for name in sys.modules if name.startswith("stylecli")}

    before = ours()
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(before)


@pytest.fixture
def machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Machine]:
    """A system of no kind yet, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, fake: bool = True) -> Ended:
        from stylecli.cli.app import main

        if fake:
            spec = importlib.util.spec_from_file_location("fake_program", FAKE_PROGRAM)
            assert spec is not None and spec.loader is not None
            program = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(program)
            program.install(lambda owner, name, value: monkeypatch.setattr(owner, name, value))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    with imported_anew():
        yield Machine(run)


@pytest.fixture
def windows(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Windows without long paths, where another program may hold a file open."""
    replace = os.replace

    def refused(*paths: Any) -> None:
        if machine.refusals > 0 and not str(paths[1]).endswith("-2.png"):
            machine.refusals -= 1
            raise PermissionError(13, "Access is denied")
        replace(*paths)

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (os.lseek(descriptor, 0, os.SEEK_CUR), count) == (LOCKED, 1)
        machine.calls.append(("unlock", "lock")[mode])

    def raise_signal(number: int) -> None:
        pytest.fail("on Windows this ends the process with exit code 3")

    console = SimpleNamespace(SetConsoleCtrlHandler=lambda *words: machine.calls.append(words))
    msvcrt = ModuleType("msvcrt")
    vars(msvcrt).update(LK_UNLCK=0, LK_LOCK=1, locking=locking)
    for owner, names in MISSING.items():
        for name in names:
            monkeypatch.delattr(owner, name, raising=False)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)
    monkeypatch.setattr(os, "replace", refused)
    monkeypatch.setattr(signal, "SIGBREAK", 21, raising=False)
    monkeypatch.setattr(signal, "raise_signal", raise_signal)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=console), raising=False)
    ntdll = SimpleNamespace(RtlAreLongPathsEnabled=lambda: 0)
    monkeypatch.setattr(ctypes, "WinDLL", lambda _: ntdll, raising=False)
    return machine


@pytest.fixture
def macos(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """macOS, where fsync leaves data in the drive's cache."""
    import fcntl

    def gethostuuid(uuid: Any, _: object) -> int:
        uuid[:] = bytes(range(16))
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda _, call: machine.calls.append(call))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(gethostuuid=gethostuuid))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    return machine
