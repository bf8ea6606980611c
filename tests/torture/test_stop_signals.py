"""SIGINT and SIGTERM at any moment, twice, and in a shell's loop."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stylecli.pipeline.checkpoint import load_checkpoint

from .nursery import Nursery, end_by, parts, said, scaled, untraced, wait_until
from .scale import FULL, SEED, entries_of

FAKE_PROGRAM = Path(__file__).parents[1] / "cli" / "fake_program.py"
NUMBERS = (signal.SIGINT, signal.SIGTERM)
WORDS = ["content.png", "style.png", "-o", "out.png", "--force"]
REAL = ["--size", "48", "--iterations", "12", "--device", "cpu", "--precision", "fp32"]
OLD = b"what was there before"


def test_single_runs(real: Nursery, folder: Path) -> None:
    """Ended by the very signal, and gone on with to the very picture."""
    chance, out, codes, resumed = random.Random(SEED), folder / "out.png", set(), 0
    started = time.monotonic()
    assert real.run(folder, *WORDS, *REAL)[0] == 0
    span, whole = time.monotonic() - started, out.read_bytes()
    saved = folder / "out.png.checkpoint"
    for number in NUMBERS * scaled(2, 50):
        out.write_bytes(OLD) if chance.random() < 0.5 else out.unlink(missing_ok=True)
        before = out.read_bytes() if out.exists() else None
        slow = chance.choice((0.0, 0.01))
        (process,) = real.begin(folder, [*WORDS, *REAL], slow=slow)
        if slow and chance.random() < 0.5:
            wait_until(lambda: parts(folder), process)
        time.sleep(span * chance.random())
        end_by(process, number)
        (code,) = real.end()
        codes.add(code)
        found = out.read_bytes() if out.exists() else None
        check_words(said(folder), code, number)
        assert not parts(folder)
        assert found == whole or (code == -number and found == before), (code, said(folder))
        if saved.exists():
            resumed += 1
            assert load_checkpoint(saved).job.output == out
            assert "stylize resume" in said(folder) and found == before
            code, told = real.run(folder, "resume", saved.name, "--force")
            assert (code, out.read_bytes() == whole) == (0, True), told
        assert not saved.exists()
    if FULL:
        assert codes >= {-number for number in NUMBERS} and resumed > 0


def check_words(told: str, code: int, number: signal.Signals) -> None:
    """One sentence of the end, and it is the last line."""
    ends = [line for line in told.splitlines() if line.startswith("stylize:")]
    assert "Traceback" not in told, told
    if code == 0:
        assert ends == []
    else:
        assert code == -number
        assert len(ends) == 1 and ends[0] == told.splitlines()[-1], told
        assert ends[0].startswith(f"stylize: stopped by {number.name}")


def test_batches(real: Nursery, folder: Path) -> None:
    chance, out = random.Random(SEED), folder / "out"
    words = ["batch", "content.png", "style.png", "--style", "style.png", "--skip-existing", *REAL]
    started = time.monotonic()
    assert real.run(folder, *words, "-o", "whole")[0] == 0
    span = time.monotonic() - started
    whole = {path.name: path.read_bytes() for path in (folder / "whole").glob("*.png")}
    for number in NUMBERS * scaled(1, 50):
        (process,) = real.begin(folder, [*words, "-o", "out"], slow=chance.choice((0.0, 0.01)))
        time.sleep(1.2 * span * chance.random())
        end_by(process, number)
        (code,) = real.end()
        check_words(said(folder), code, number)
        assert not parts(folder)
        for path in out.glob("*.png"):
            assert path.read_bytes() == whole[path.name]
        assert real.run(folder, *words, "-o", "out")[0] == 0
        assert {path.name: path.read_bytes() for path in out.glob("*.png")} == whole
        for path in out.iterdir():
            path.unlink()


@pytest.mark.parametrize("numbers", [NUMBERS, NUMBERS[:1] * 2])
def test_the_second_signal_ends_at_once(
    real: Nursery, folder: Path, numbers: tuple[signal.Signals, signal.Signals]
) -> None:
    """While the run is being saved, which would take for ever."""
    (process,) = real.begin(folder, [*WORDS, *REAL, "--iterations", "3000"], slow=1e6)
    wait_until(lambda: "Scale" in said(folder), process)
    time.sleep(0.3)  # somebody asks for signals by now
    end_by(process, numbers[0])
    wait_until(lambda: parts(folder), process)
    end_by(process, numbers[1])
    assert real.end() == [-numbers[1]]
    assert "once more ends it at once" in said(folder)
    assert not (folder / "out.png").exists() and not (folder / "out.png.checkpoint").exists()


def test_a_loop_in_a_shell_ends_at_the_first_ctrl_c(folder: Path) -> None:
    """Which the terminal sends to the shell and to the program."""
    run = f"'{sys.executable}' '{FAKE_PROGRAM}' content.png style.png -o $i.png 2>> told"
    loop = f"for i in 1 2 3; do {run}; echo after $i; done; echo at the end"
    heeding = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    begin = f"{heeding}os.execvp('bash', ['bash', '-c', sys.argv[1]])"  # heard in the background
    with subprocess.Popen(
        [sys.executable, "-c", begin, loop],
        cwd=folder,
        env={**untraced(), "FAKE_CORE": "wait"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        told = folder / "told"
        wait_until(lambda: told.exists() and "The core waits" in told.read_text(), shell.pid)
        os.killpg(shell.pid, signal.SIGINT)
        try:
            out, _ = shell.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # what a loop that went on would wait for
    assert (shell.returncode, out) == (-signal.SIGINT, "")
    assert told.read_text().count("stopped by SIGINT") == 1
    assert entries_of(folder) == ["1.png.checkpoint", "content.png", "style.png", "told"]
