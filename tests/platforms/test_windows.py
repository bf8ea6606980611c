"""The program on a stand-in for Windows."""

import errno
import io
import os
import platform
import runpy
import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

PAIR = ("content.png", "style.png")
pytestmark = pytest.mark.usefixtures("content_path", "style_path")


def test_every_command(windows: Any) -> None:
    windows.refusals = 2
    lines = [("--help",), (*PAIR, "-o", "a.png", "--save-recipe", "a.toml")]
    lines += [("batch", *PAIR, "--style", "style.png", "-o", "many")]
    lines += [("sweep", *PAIR, "-o", "sheet", "--strength", "0.2,0.5"), ("weights", "list")]
    for line in lines:
        ended = windows.run(*line)
        assert ended.code == 0, (line, ended.err)
    assert len(Path("many", "manifest.jsonl").read_bytes().splitlines()) == 2
    assert windows.calls[:4] == ["lock", "unlock"] * 2
    assert not list(Path().rglob(".stylecli-*"))


def test_the_core(windows: Any) -> None:
    line = (*PAIR, "-o", "a.png", "--size", 32, "--iterations", 2, "--octaves", 1)
    assert windows.run(*line, fake=False).code == 0
    assert Path("a.png").is_file()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nul.png", "'nul.png' is a device"),
        ("COM1 .tar.png", "is a device"),
        ("what?.png", "allows no '?'"),
        ("many/a:b.png", "allows no ':'"),
        ("dot./a.png", "cannot end as 'dot.' does"),
        (f"{'long/' * 50}a.png", "259 characters"),
    ],
)
def test_names_are_refused_before_the_work(windows: Any, name: str, why: str) -> None:
    ended = windows.run(*PAIR, "-o", name)
    assert ended.code == 5 and why in ended.err and "Loading encoder" not in ended.err
    assert sorted(path.name for path in Path().iterdir()) == sorted(PAIR)


def test_a_finished_picture_is_kept(windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a viewer never lets go of the old one."""
    from stylecli import atomic

    monkeypatch.setattr(atomic, "PATIENCE", 0.0)
    Path("a.png").write_bytes(b"old")
    windows.refusals = sys.maxsize
    ended = windows.run(*PAIR, "-o", "a.png", "--force")
    assert ended.code == 5
    assert "access is denied; the finished picture is kept as a-2.png." in ended.err
    assert Path("a.png").read_bytes() == b"old" and Path("a-2.png").stat().st_size > 100
    assert not list(Path().glob(".stylecli-*"))


def test_a_read_only_file(windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.png").write_bytes(b"old")
    access = os.access

    def deny(path: Any, mode: int) -> bool:
        return Path(path).name != "a.png" and access(path, mode)

    monkeypatch.setattr(os, "access", deny)
    ended = windows.run(*PAIR, "-o", "a.png", "--force")
    assert ended.code == 5 and "it is read-only" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, 21])
def test_a_signal_gives_its_own_exit_code(windows: Any, number: int) -> None:
    from stylecli.cli import signals

    handlers = {}
    with pytest.raises(signals.Stopped) as caught, signals.stoppable():
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, 21)}
        handler: Any = handlers[number]
        handler(number, None)
    assert len(set(handlers.values())) == 1
    assert signals.die(caught.value.number) == 128 + number


def test_a_name_beyond_the_code_page(windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(file, "cp1252"))
    assert windows.run("Łódź.png", "style.png", "-o", "a.png").code == 4
    assert b"\\u0141\xf3d\\u017a.png" in file.getvalue()


def test_a_closed_pipe(windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylecli.cli import commands

    def fail(_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(commands, "run_program", fail)
    ended = windows.run("weights", "list")
    assert ended.code == 5 and "this is a bug" not in ended.err


def test_workers(windows: Any) -> None:
    from stylecli.batch.pool import PoolEngine
    from stylecli.batch.processes import starting_processes

    assert PoolEngine(200).workers == 31  # each has two handles, and 63 can be waited for
    with starting_processes():
        assert windows.calls == [(None, True)]
    assert windows.calls == [(None, True), (None, False)]


def test_a_worker_that_ends_before_it_takes_its_connection(windows: Any) -> None:
    from multiprocessing import Pipe

    from stylecli.batch.pool import _ready_workers, _Worker

    connection, held_here = Pipe()
    ended, end = os.pipe()
    os.close(end)
    worker: Any = SimpleNamespace(task=object(), connection=connection)
    worker.process = SimpleNamespace(sentinel=ended)
    assert _ready_workers([worker]) == [worker] and _Worker.receive(worker) is None
    for each in (connection, held_here):
        each.close()
    os.close(ended)


@pytest.mark.parametrize(
    ("system", "processor", "words"),
    [
        ("darwin", "x86_64", "for Intel Macs"),
        ("win32", "ARM64", "for Windows on Arm"),
        ("darwin", "arm64", ""),
        ("win32", "AMD64", ""),
    ],
)
def test_the_install_where_torch_has_no_packages(
    system: str, processor: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = ModuleType("setuptools")
    vars(tools)["setup"] = lambda: None
    monkeypatch.setitem(sys.modules, "setuptools", tools)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: processor)
    script = str(Path(__file__).parents[2] / "setup.py")
    if not words:
        runpy.run_path(script)
        return
    with pytest.raises(SystemExit, match=words):
        runpy.run_path(script)
    monkeypatch.setenv("STYLECLI_ANY_MACHINE", "1")
    runpy.run_path(script)
