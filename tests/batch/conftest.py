"""Jobs in this room's tests, and the fakes of the pipeline's."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stylecli.batch.outcome import Outcome
from stylecli.job import Job

from ..pipeline.conftest import core as core
from ..pipeline.conftest import loaded as loaded


@pytest.fixture
def jobs(tmp_path: Path, content_path: Path, style_path: Path) -> list[Job]:
    """Three of one size."""
    return [
        Job(content=content_path, styles=(style_path,), output=tmp_path / f"out/{i}.png")
        for i in range(3)
    ]


def wait_until(comes: Callable[[], bool]) -> None:
    for _ in range(1200):
        if comes():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come")


def outcome(name: str = "a.png", status: str = "done") -> Outcome:
    job = Job(content=Path("c.png"), styles=(Path("s.png"),), output=Path(name))
    return Outcome.of(job, status, recipe={"seed": 1})  # type: ignore[arg-type]


def failed(error: Exception) -> Outcome:
    return Outcome.failed(Path("c.png"), [Path("s.png")], Path("o.png"), error)
