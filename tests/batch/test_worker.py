"""What a worker does: a group of jobs made together, each with an outcome of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.batch.worker import work
from stylecli.errors import InputError, MemoryLimitError
from stylecli.job import Existing, Job
from stylecli.pipeline.session import Session
from stylecli.provenance import up_to_date
from stylecli.settings import Settings

from ..cli.fake_program import FakeCore


def group(jobs: list[Job]) -> Group:
    return Group(tuple(range(10, 10 + len(jobs))), tuple(jobs))


def run(jobs: list[Job], existing: Existing = "refuse", **more: Any) -> list[Outcome]:
    if existing != "refuse":
        jobs = [replace(job, existing=existing) for job in jobs]
    return work(Session(), group(jobs), **more)


def test_made_together(core: FakeCore, jobs: list[Job]) -> None:
    heard: list[float] = []
    outcomes = run(jobs, on_fraction=heard.append)
    assert core.together == [3] and heard == [0.25, 0.5, 0.75, 1.0]
    assert [outcome.output for outcome in outcomes] == [str(job.output) for job in jobs]
    for outcome, job in zip(outcomes, jobs, strict=True):
        assert (outcome.status, outcome.seconds, outcome.code) == ("done", 1.25, 0)
        assert outcome.notes == ("The fake core recovered from nothing.",)
        assert outcome.distances == {"content_distance": 0.5, "style_distance": 0.1}
        recipe = up_to_date.recipe_at(job.output)
        assert recipe is not None and outcome.recipe == recipe.to_dict()


def test_a_failure_before_stops_no_other(core: FakeCore, jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "file").touch()
    bad = [
        replace(jobs[0], content=tmp_path / "none.png"),
        replace(jobs[0], content=tmp_path / "text.png"),
        replace(jobs[0], output=tmp_path / "file" / "out.png"),
        replace(jobs[0], output=tmp_path / ("x" * 300 + ".png")),
        replace(jobs[0], settings=Settings(encoder="compct")),
    ]
    outcomes = run([jobs[0], *bad, jobs[1]])
    assert [outcome.code for outcome in outcomes] == [0, 4, 4, 5, 5, 2, 0]
    assert [outcome.status for outcome in outcomes] == ["done", *["failed"] * 5, "done"]
    assert core.together == [2]


def test_an_output_that_fails_stops_no_other(
    core: FakeCore, jobs: list[Job], monkeypatch: Any
) -> None:
    deliver = Session.deliver

    def fail(self: Session, prepared: Any, result: Any) -> Any:
        if prepared.job is jobs[1]:
            raise OSError(28, "No space left on device")
        return deliver(self, prepared, result)

    monkeypatch.setattr(Session, "deliver", fail)
    outcomes = run(jobs)
    assert [outcome.code for outcome in outcomes] == [0, 1, 0]
    assert "unexpected failure (OSError" in str(outcomes[1].error)


@pytest.mark.parametrize("error", [MemoryError(), MemoryLimitError("no."), InputError("no.")])
def test_too_much_at_once_is_made_one_by_one(
    core: FakeCore, jobs: list[Job], error: Exception
) -> None:
    core.raises = {3: error}
    assert [outcome.status for outcome in run(jobs)] == ["done"] * 3
    assert core.together == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 7, "try size 32"),
        (torch.OutOfMemoryError("CUDA out of memory"), 7, "try size"),
        (RuntimeError("not enough memory"), 7, "try size"),
        (InputError("too small."), 4, "too small."),
        (ValueError("two and two"), 1, "unexpected failure (ValueError: two and two)"),
    ],
)
def test_what_the_core_raises(
    core: FakeCore, jobs: list[Job], error: Exception, code: int, words: str
) -> None:
    core.raises = {1: error, 3: error}
    for outcome in run(jobs):
        assert (outcome.status, outcome.code) == ("failed", code)
        assert words in str(outcome.error)
    assert not jobs[0].output.exists()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc")])
@pytest.mark.parametrize("step", ["prepare", "deliver"])
def test_a_picture_too_large_to_read_or_write(
    core: FakeCore, jobs: list[Job], monkeypatch: Any, step: str, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Session, step, fail)
    (outcome,) = run(jobs[:1])
    assert outcome.code == 7 and "try a smaller --size" in str(outcome.error)


def test_outputs_that_exist_are_refused(core: FakeCore, jobs: list[Job]) -> None:
    jobs[0].output.parent.mkdir()
    jobs[0].output.write_bytes(b"mine")
    outcomes = run(jobs[:2])
    assert [outcome.code for outcome in outcomes] == [5, 0]
    assert "exists already: add --skip-existing or --overwrite" in str(outcomes[0].error)
    assert jobs[0].output.read_bytes() == b"mine"


def test_complete_ones_are_kept(core: FakeCore, jobs: list[Job]) -> None:
    made = run(jobs[:2])
    before = [job.output.stat().st_mtime_ns for job in jobs[:2]]
    outcomes = run(jobs, existing="skip")
    assert [outcome.status for outcome in outcomes] == ["kept", "kept", "done"]
    assert [outcome.recipe for outcome in outcomes[:2]] == [each.recipe for each in made]
    assert [job.output.stat().st_mtime_ns for job in jobs[:2]] == before
    assert core.together == [2, 1]


def test_another_recipe_is_not_replaced(core: FakeCore, jobs: list[Job]) -> None:
    run(jobs)
    before = jobs[0].output.read_bytes()
    other = replace(jobs[0], settings=Settings(seed=1))
    (outcome,) = run([other], existing="skip")
    assert outcome.code == 5 and "by another recipe: add --overwrite" in str(outcome.error)
    jobs[1].output.write_text("mine")
    assert [each.code for each in run(jobs, existing="skip")] == [0, 5, 0]
    assert jobs[0].output.read_bytes() == before and jobs[1].output.read_text() == "mine"


def test_a_torn_one_is_made_again(core: FakeCore, jobs: list[Job]) -> None:
    run(jobs)
    whole = jobs[1].output.read_bytes()
    jobs[1].output.write_bytes(whole[:-200])
    assert [each.status for each in run(jobs, existing="skip")] == ["kept", "done", "kept"]
    assert jobs[1].output.read_bytes() == whole


def test_overwriting(core: FakeCore, jobs: list[Job]) -> None:
    jobs[0].output.parent.mkdir()
    jobs[0].output.write_text("mine")
    assert [each.status for each in run(jobs, existing="overwrite")] == ["done"] * 3
    assert up_to_date.recipe_at(jobs[0].output) is not None
    own = replace(jobs[0], output=jobs[0].content)
    assert [each.code for each in run([own], existing="overwrite")] == [5]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("existing", ["refuse", "skip"])
def test_a_picture_that_appears_meanwhile(
    core: FakeCore, jobs: list[Job], monkeypatch: Any, existing: Any, same: bool
) -> None:
    """The very same is as good as the job's own; any other file stays."""
    run(jobs[:1])
    data = jobs[0].output.read_bytes() if same else b"mine"
    jobs[0].output.unlink()
    deliver = Session.deliver

    def late(self: Session, prepared: Any, result: Any) -> Any:
        prepared.job.output.write_bytes(data)
        return deliver(self, prepared, result)

    monkeypatch.setattr(Session, "deliver", late)
    (outcome,) = run(jobs[:1], existing=existing)
    assert outcome.code == (0 if same else 5)
    assert jobs[0].output.read_bytes() == data
