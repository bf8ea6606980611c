"""Runs of the program in processes that are there at once: forked where all is imported already.

Run as a script it is the nursery, with a fake core or the real one; `Nursery` gives it orders.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve()
PART: Final = ".stylecli-"  # how the name of a file begins that is being written
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "1000"}


class Nursery:
    """Begins runs, which the test may kill, and tells how they ended."""

    def __init__(self, *, real: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "real" if real else "fake"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**untraced(), **ONE_THREAD, "PYTHONPATH": str(HERE.parents[2])},
        )
        assert self._answer() == "ready"

    def begin(self, folder: Path, *runs: list[str], slow: float = 0.0, **more: Any) -> list[int]:
        """Begin runs in a folder, and give their numbers; `slow` are seconds around a write."""
        assert self.process.stdin is not None
        env, said = untraced(), [str(_said(folder, n)) for n in range(len(runs))]
        order = {"folder": str(folder), "runs": runs, "env": env, "said": said, "slow": slow}
        self.process.stdin.write(json.dumps({**order, **more}) + "\n")
        self.process.stdin.flush()
        found: list[int] = self._answer()
        return found

    def end(self) -> list[int]:
        """Wait for the runs; their exit codes, negative where a signal ended them."""
        found: list[int] = self._answer()
        return found

    def run(self, folder: Path, *words: object) -> tuple[int, str]:
        """One run to its end; its exit code, and what it said."""
        self.begin(folder, [str(word) for word in words])
        return self.end()[0], said(folder)

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def untraced() -> dict[str, str]:
    """The environment without coverage: a signal that comes while it holds its lock waits forever.

    Seen once in some hundred runs: the handler is traced as well, and asks for the same lock.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def _said(folder: Path, number: int) -> Path:
    return folder.with_name(f"{folder.name}-{number}.txt")


def said(folder: Path, number: int = 0) -> str:
    """What a run of the last order in this folder has printed so far."""
    path = _said(folder, number)
    return path.read_text() if path.exists() else ""


def scaled(short: int, full: int) -> int:
    """`short`, or `full` where 2,000 is what was asked for, and so on."""
    return count(short) * full // 2000 or 1 if FULL else short


def end_by(process: int, number: signal.Signals) -> None:
    """Send a signal to a run that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def wait_until(comes: Callable[[], object], process: int | None = None) -> bool:
    """Whether it comes, before the process ends where one is given."""
    for _ in range(60_000):
        if comes():
            return True
        if process is not None and not Path(f"/proc/{process}").exists():
            return bool(comes())
        time.sleep(0.001)
    raise AssertionError("it never came")


def parts(folder: Path) -> list[Path]:
    """Files that are being written, or were when their process was killed."""
    return list(folder.rglob(f"{PART}*"))


def _serve(main: Callable[[list[str]], int]) -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        started = [_fork(main, order, number) for number in range(len(order["runs"]))]
        print(json.dumps(started), flush=True)
        ended = [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in started]
        print(json.dumps(ended), flush=True)


def _fork(main: Callable[[list[str]], int], order: dict[str, Any], number: int) -> int:
    process = os.fork()
    if process:
        return process
    try:
        said = os.open(order["said"][number], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(said, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ.update(order["env"])
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        if order["slow"]:
            _slow_down(order["slow"])
        if "published" in order:
            _publish(Path(order["published"]))
        os._exit(main(order["runs"][number]))
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def _slow_down(seconds: float) -> None:
    """Make the moments around a write longer, so that a kill meets them."""

    def slowed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            time.sleep(seconds)
            result = real(*values)
            time.sleep(seconds)
            return result

        return call

    for name in ("fsync", "replace"):
        setattr(os, name, slowed(getattr(os, name)))


def _publish(file: Path) -> None:
    """Let a small file stand for the weights of `torchvision-vgg19`, as the fixture does."""
    import hashlib

    from stylecli.encoder.architecture import VGG19_BLOCKS, vgg_plan
    from stylecli.encoder.registry import ENCODERS, EncoderSpec, default_layers

    data, plan = file.read_bytes(), vgg_plan(VGG19_BLOCKS, width=2)
    digest, name = hashlib.sha256(data).hexdigest(), "vgg19-narrow.pth"
    url = f"https://weights.invalid/{name}"
    layers = default_layers(plan)
    ENCODERS["torchvision-vgg19"] = EncoderSpec(
        "torchvision-vgg19", plan, *layers, name, len(data), digest, url
    )


if __name__ not in ("__main__", "__mp_main__"):  # as a script, and in its workers, it stands alone
    from .scale import FULL, count
elif __name__ == "__main__":
    from stylecli.cli.app import main as program

    if sys.argv[1] == "fake":
        sys.path.insert(0, str(HERE.parents[1] / "cli"))
        from fake_program import install  # type: ignore[import-not-found]

        install(setattr)
    # Whatever a run would import, so that a kill meets its work.
    import stylecli.batch.pool
    import stylecli.cli.commands
    import stylecli.encoder.download
    import stylecli.pipeline.checkpoint
    import stylecli.pipeline.single  # noqa: F401

    _serve(program)
