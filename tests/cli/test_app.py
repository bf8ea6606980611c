"""Exit codes, signals, failures nobody expected."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylecli import errors
from stylecli.cli.app import main

FAKE_PROGRAM = Path(__file__).with_name("fake_program.py")
Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        ("bug", 1, "unexpected failure (ValueError: two and two are five): this is a bug"),
        ("gpu", 2, "the GPU failed ('CUDA error: unspecified launch failure'): see"),
        ("memory", 7, "not enough memory for a long side of 64 pixels"),
        ("memory-limit", 7, "nothing fits: take size 64."),
    ],
)
def test_failures_of_the_core(
    stylize: Run,
    content_path: Path,
    style_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    code: int,
    words: str,
) -> None:
    monkeypatch.setenv("FAKE_CORE", act)
    done = stylize(content_path, style_path, "-o", "out.png")
    assert (done.code, done.out) == (code, "")
    assert words in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not Path("out.png").exists()


@pytest.mark.parametrize("how", ["-v", "STYLECLI_DEBUG"])
def test_a_traceback_on_request(
    stylize: Run,
    content_path: Path,
    style_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    monkeypatch.setenv("FAKE_CORE", "bug")
    if how != "-v":
        monkeypatch.setenv(how, "1")
    done = stylize(content_path, style_path, "-o", "out.png", *([how] if how == "-v" else []))
    assert done.code == 1
    assert "Traceback" in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.SettingsError, 2),
        (errors.InputError, 4),
        (errors.OutputError, 5),
        (errors.WeightsError, 6),
        (errors.MemoryLimitError, 7),
    ],
)
def test_every_error_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, error: Any, code: int
) -> None:
    def fail(_: object) -> int:
        raise error("this happened.")

    monkeypatch.setattr("stylecli.cli.commands.run_program", fail)
    assert main([]) == code
    assert capsys.readouterr().err == "stylize: error: this happened.\n"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("libtorch.so: failed to map segment from shared object"), "close other"),
        (RuntimeError("std::bad_alloc"), "try a smaller --size."),
        (MemoryError(), "try a smaller --size."),
        (OSError(12, "Cannot allocate memory"), "try a smaller --size."),
    ],
)
def test_too_little_memory_anywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, error: Exception, advice: str
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("stylecli.cli.commands.run_program", fail)
    assert main([]) == 7
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stylize: error: there is not enough memory") and advice in line


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dies_by_the_signal(content_path: Path, style_path: Path, number: int) -> None:
    folder = content_path.parent
    with subprocess.Popen(
        [sys.executable, FAKE_PROGRAM, content_path, style_path, "-o", folder / "out.png"],
        env={**os.environ, "FAKE_CORE": "wait"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr is not None
        said = ""
        while "The core waits" not in said:
            line = program.stderr.readline()
            assert line, said
            said += line
        program.send_signal(number)
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (-number, "")
    saved = folder / "out.png.checkpoint"
    promise, last = err.splitlines()[-2:]
    assert promise == "Saving the run after this iteration; once more ends it at once"
    assert last == (
        f"stylize: stopped by {signal.Signals(number).name}; what was done is kept; go on with: "
        f"stylize resume {saved}"
    )
    assert sorted(folder.iterdir()) == [folder / "content.png", saved, folder / "style.png"]


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main(["--version"])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [("weights", "list"), ("--help",), ("--version",)])
def test_full_standard_output(child: Run, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = child(
            *arguments, real=True, stdout=full, stderr=subprocess.PIPE, capture_output=False
        )
    assert done.returncode == 5
    assert done.stderr == (
        b"stylize: error: cannot write standard output: no space left on device.\n"
    )


@pytest.mark.parametrize("arguments", [("weights", "list"), ("--help",), ("--version",)])
def test_nobody_reads_standard_output(child: Run, arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = child(*arguments, real=True, stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_the_whole_program(child: Run, content_path: Path, style_path: Path) -> None:
    options = ("--iterations", 2, "--size", 48, "--device", "cpu", "--precision", "fp32")
    for name in ("a.png", "b.png"):
        done = child(content_path, style_path, "-o", name, *options, real=True)
        assert done.returncode == 0, done.stderr
    folder = content_path.parent
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    done = child(content_path, style_path, "-o", "c.png", *options, "--seed", 1, real=True)
    assert (folder / "c.png").read_bytes() != (folder / "a.png").read_bytes()
