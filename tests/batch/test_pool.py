"""Engines on this machine: workers that work, that die, and that are left alone."""

import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stylecli.batch import pool
from stylecli.batch.manifest import NAME, Manifest, read_manifest
from stylecli.batch.planning import BatchRequest, plan_batch
from stylecli.batch.pool import PoolEngine, SerialEngine
from stylecli.batch.runner import Summary, run_batch
from stylecli.pipeline.session import Session

from ..cli.fake_program import install
from .conftest import wait_until

# What a worker runs first: a core that computes nothing, and a write that a test can change.
WORKER = """
import importlib.util, os, signal, sys, time
from pathlib import Path

here = Path({here!r})
if __name__ == "__mp_main__":
    (here / "workers" / str(os.getpid())).touch()

spec = importlib.util.spec_from_file_location("fake_program", {fake!r})
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)
fake.install(setattr)

from stylecli.images import writing
write_picture = writing.write_picture


def write(path, *args, **more):
    with (here / "begun").open("a") as file:
        file.write(path.stem + "\\n")
    if path.stem == {name!r}:
        {act}
    return write_picture(path, *args, **more)


writing.write_picture = write
"""
FAKE = str(Path(__file__).parents[1] / "cli" / "fake_program.py")
DIES = "os.kill(os.getpid(), signal.SIGKILL)"
DIES_ONCE = f"(here / 'died').exists() or ((here / 'died').touch(), {DIES})"
NEVER_ENDS = "time.sleep(600)"

NAMES = [f"out/{i}.png" for i in range(6)]


@pytest.fixture
def script(
    tmp_path: Path, content_path: Path, style_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Path]:
    """The program of a worker, which does something where it writes a certain picture."""
    monkeypatch.chdir(tmp_path)
    Path("workers").mkdir()

    def write(name: str, act: str) -> Path:
        path = tmp_path / "worker.py"
        path.write_text(WORKER.format(fake=FAKE, here=str(tmp_path), name=name, act=act))
        return path

    return write


def lines(contents: dict[int, str]) -> list[str]:
    """Three sizes, twice each: groups of two."""
    settings = [{"seed": i, "size": 24 + 8 * (i // 2), "output": f"{i}.png"} for i in range(6)]
    return [
        json.dumps({"content": contents.get(i, "content.png"), **own})
        for i, own in enumerate(settings)
    ]


@pytest.fixture
def run(script: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A batch with outputs 0 to 5 and two workers."""

    def start(
        name: str = "", act: str = "pass", contents: dict[int, str] | None = None, **more: Any
    ) -> Summary:
        main = ModuleType("__main__")
        main.__file__ = str(script(name, act))
        monkeypatch.setitem(sys.modules, "__main__", main)
        request = BatchRequest(
            folder=Path("out"), styles=["style.png"], lines=lines(contents or {})
        )
        return run_batch(plan_batch(request).jobs, PoolEngine(2), Manifest(Path("out")), **more)

    yield start
    assert multiprocessing.active_children() == []
    assert not list(Path("out").glob(".stylecli-*"))


def begun() -> list[str]:
    return sorted(Path("begun").read_text().split())


def recorded() -> list[str]:
    return sorted(str(line["output"]) for line in read_manifest(Path("out", NAME)))


def test_all_are_made(run: Any) -> None:
    shares: list[float] = []
    summary = run(on_fraction=shares.append)
    assert [outcome.status for outcome in summary.outcomes] == ["done"] * 6
    assert [outcome.output for outcome in summary.outcomes] == recorded() == NAMES
    assert begun() == list("012345")
    assert len(list(Path("workers").iterdir())) == 2
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(set(shares)) > 4


def test_a_worker_that_dies_costs_an_attempt(run: Any) -> None:
    """At the second of its pictures: the first, which is in place, stays as it is."""
    summary = run("3", DIES_ONCE)
    assert Path("died").exists()
    assert [outcome.status for outcome in summary.outcomes] == ["done"] * 6
    assert recorded() == NAMES
    assert begun() == list("0123345")


def test_a_job_that_kills_its_worker_fails_alone(run: Any) -> None:
    summary = run("1", DIES)
    assert [outcome.status for outcome in summary.outcomes] == ["done", "failed", *["done"] * 4]
    assert summary.outcomes[1].code == 7 and "died" in str(summary.outcomes[1].error)
    assert recorded() == NAMES and summary.exit_code == 3
    assert begun().count("1") == 2
    assert [Path(name).exists() for name in NAMES] == [True, False, *[True] * 4]


def test_a_worker_killed_from_outside(run: Any) -> None:
    killed: list[int] = []

    def kill_one(_: float) -> None:
        if not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    summary = run(on_fraction=kill_one)
    assert killed and summary.count("done") == 6
    assert recorded() == NAMES


@pytest.mark.parametrize("started", [0, 1])
def test_no_worker_can_be_started(run: Any, monkeypatch: pytest.MonkeyPatch, started: int) -> None:
    """The rest is made in this process, as is what the last worker died of."""
    start, left, told = pool._Worker.__init__, [None] * started, list[str]()

    def refuse(worker: Any, threads: int, device: str | None) -> None:
        if not left:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        left.pop()
        start(worker, threads, device)

    install(lambda owner, name, value: monkeypatch.setattr(owner, name, value, False))
    monkeypatch.setattr(pool._Worker, "__init__", refuse)
    monkeypatch.setattr(pool, "Session", functools.partial(Session, on_message=told.append))
    summary = run("3", DIES_ONCE)
    assert [outcome.status for outcome in summary.outcomes] == ["done"] * 6
    assert recorded() == NAMES and Path("died").exists() == bool(started)
    notes = [text for text in told if text.startswith("Note: ")]
    assert notes[-1] == (
        "Note: no worker process can be started (resource temporarily unavailable): going on in "
        "one process."
    )


def test_failing_fast_ends_what_others_are_at(run: Any) -> None:
    summary = run("4", NEVER_ENDS, contents={0: "none.png"}, fail_fast=True)
    assert (summary.count("failed"), summary.exit_code) == (1, 3)
    assert summary.left > 0 and "out/4.png" not in recorded()


def test_nothing_to_do() -> None:
    for engine in (PoolEngine(2), SerialEngine()):
        assert list(engine.run([], on_fraction=lambda _: None)) == []


@pytest.fixture
def driver(script: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A batch as a process of its own, at one of whose pictures a worker never ends."""
    path = script("1", NEVER_ENDS)
    (tmp_path / "list").write_text("\n".join(lines({})))
    words = ["batch", "--from-file", "list", "--style", "style.png", "-o", "out", "--workers", "2"]
    path.write_text(
        f"{path.read_text()}\nfrom stylecli.cli.app import main\n"
        f"if __name__ == '__main__':\n    sys.exit(main({words}))\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(path)], stderr=subprocess.PIPE, start_new_session=True
    )
    yield process
    process.kill()
    process.communicate()


def wait_for_the_endless_one() -> None:
    wait_until(lambda: Path("out", NAME).exists() and len(recorded()) == 4 and "1" in begun())


def workers_are_gone() -> bool:
    return not any(is_alive(int(path.name)) for path in Path("workers").iterdir())


def test_workers_end_with_a_batch_that_is_killed(driver: subprocess.Popen[bytes]) -> None:
    wait_for_the_endless_one()
    assert not workers_are_gone()
    driver.kill()
    driver.wait()
    wait_until(workers_are_gone)
    wait_until(lambda: not is_alive(-driver.pid))  # nor is the process that they are copies of


@pytest.mark.parametrize("early", [False, True])
def test_ctrl_c(driver: subprocess.Popen[bytes], early: bool) -> None:
    """Which the terminal sends to the workers as well, be it while they start."""
    if early:
        wait_until(lambda: len(list(Path("workers").iterdir())) == 2)
    else:
        wait_for_the_endless_one()
    os.killpg(driver.pid, signal.SIGINT)
    _, told = driver.communicate(timeout=60)
    assert driver.returncode == -signal.SIGINT
    assert told.endswith(b"stylize: stopped by SIGINT.\n") and b"Traceback" not in told
    wait_until(workers_are_gone)
    if not early:
        assert recorded() == NAMES[2:]
    assert not list(Path("out").glob(".stylecli-*"))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"  # ended, though nobody has asked for it yet
