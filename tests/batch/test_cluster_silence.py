"""A cluster's head that falls silent, and one that never answered."""

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch.manifest import Manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.ray_engine import RayEngine
from stylecli.batch.runner import run_batch
from stylecli.errors import ClusterError, StylecliError, UsageError
from stylecli.job import Job


class Told:
    """The engine with these messages from its driving process, which then is silent or ends."""

    def __init__(self, *messages: tuple[str, Any], ends: bool = False, repeats: bool = False):
        self.messages, self.ends, self.repeats = messages, ends, repeats

    def run(self, groups: Any, *, on_fraction: Any) -> Iterator[Any]:
        ours, theirs = multiprocessing.Pipe()
        for message in self.messages:
            theirs.send(message)
        if self.ends:
            theirs.close()
        stop = threading.Event()

        def repeat() -> None:
            while self.repeats and not stop.wait(0.01):
                theirs.send(("fraction", 0.5))

        speaker = threading.Thread(target=repeat)
        speaker.start()
        try:
            engine = RayEngine.__new__(RayEngine)  # without Ray
            engine.say = lambda _: None
            yield from engine._messages(ours, "head:6379", on_fraction)
        finally:
            stop.set()
            speaker.join()


JOINED = ("joined", None)
SOON = ("alive", 0.1)


@pytest.mark.parametrize(
    ("engine", "kind", "reason"),
    [
        (Told(JOINED, SOON), ClusterError, "head:6379 has not answered for 0 seconds"),
        (Told(JOINED, SOON, repeats=True), ClusterError, "has not answered"),
        (Told(JOINED, ends=True), ClusterError, "has ended"),
        (Told(JOINED, ("lost", "no route")), ClusterError, "is lost: no route"),
        (Told(("patience", 0.1)), UsageError, "no head of Ray has answered within 0 seconds"),
        (Told(("error", UsageError("no."))), UsageError, "no."),
    ],
)
def test_what_is_done_is_recorded_and_the_rest_is_left(
    engine: Told, kind: type[StylecliError], reason: str, jobs: list[Job], tmp_path: Path
) -> None:
    made: list[Outcome] = []

    class First:
        """One group has ended before."""

        def run(self, groups: Any, *, on_fraction: Any) -> Iterator[Any]:
            first = groups[0]
            yield first, [Outcome.of(job, "done") for job in first.jobs]
            yield from engine.run(groups, on_fraction=on_fraction)

    manifest = Manifest(tmp_path / "out")
    kinds = [jobs[0], *(other_size(job) for job in jobs[1:])]
    summary = run_batch(kinds, First(), manifest, on_outcome=made.append)
    assert isinstance(summary.error, kind) and reason in str(summary.error)
    assert (summary.count("done"), summary.left, len(made)) == (1, 2, 1)
    assert summary.to_dict()["error"] == str(summary.error)
    assert summary.exit_code == kind.exit_code
    assert len(manifest.path.read_text().splitlines()) == 1


def other_size(job: Job) -> Job:
    from dataclasses import replace

    from stylecli.settings import Settings

    return replace(job, settings=Settings(size=32))
