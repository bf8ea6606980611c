"""Groups that wait for workers, some of which die or are elsewhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch import task_queue
from stylecli.batch.grouping import Group, located, with_paths_of
from stylecli.batch.outcome import Outcome
from stylecli.batch.task_queue import Queue
from stylecli.errors import MemoryLimitError
from stylecli.job import Job
from stylecli.settings import Settings

DIED = MemoryLimitError("it died.")


@pytest.fixture
def jobs() -> list[Job]:
    job = Job(content=Path("c.png"), styles=(Path("s.png"),), output=Path("0.png"))
    return [replace(job, output=Path(f"{i}.png")) for i in range(3)]


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Outputs that are in place."""
    found: set[Path] = set()

    class Recipe:
        def to_dict(self) -> dict[str, Any]:
            return {"seed": 1}

    def look(job: Job, _: object) -> Recipe | None:
        return Recipe() if job.output in found else None

    monkeypatch.setattr(task_queue, "complete_recipe", look)
    return found


def test_in_order(jobs: list[Job]) -> None:
    queue = Queue([Group((4,), (jobs[0],)), Group((5, 6), tuple(jobs[1:]))], 2)
    first = queue.take()
    assert (first.group.numbers, queue.fraction) == ((4,), 0.0)
    second = queue.take()
    assert (second.group.numbers, queue.waiting) == ((5, 6), [])
    second.share = 0.5
    assert queue.fraction == pytest.approx(1 / 3)
    kept = Outcome.of(jobs[0], "kept")  # by another batch in the meantime
    assert queue.finish(first, [kept]) == (first.group, [kept])
    assert queue.fraction == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("existing", "later"), [("refuse", "skip"), ("skip", "skip"), ("overwrite", "overwrite")]
)
def test_again_job_by_job(jobs: list[Job], existing: Any, later: Any) -> None:
    jobs = [replace(job, existing=existing) for job in jobs]
    queue = Queue([Group((4, 5), tuple(jobs[:2])), Group((6,), (jobs[2],))], 2)
    task = queue.take()
    task.share = 0.9
    assert queue.lose(task, DIED) is None
    assert queue.fraction == 0.0
    for job, status, ended in ((jobs[0], "kept", "done"), (jobs[1], "failed", "failed")):
        task = queue.take()
        job = replace(job, existing=later)
        group, (outcome,) = queue.finish(task, [Outcome.of(job, status)])  # type: ignore[arg-type]
        assert (group.jobs, outcome.status) == ((job,), ended)
    task = queue.take()
    assert (task.group.numbers, task.group.jobs[0].existing) == ((6,), existing)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_job_that_is_too_much(jobs: list[Job], complete: set[Path], attempts: int) -> None:
    queue = Queue([Group((4, 5, 6), tuple(jobs))], attempts)
    complete.add(jobs[1].output)
    ended: list[tuple[int, Outcome]] = []
    taken = 0
    while queue.waiting:
        task = queue.take()
        taken += 1
        if (found := queue.lose(task, DIED)) is not None:
            ended += zip(found[0].numbers, found[1], strict=True)
    assert taken == 1 + 3 * (attempts - 1)
    assert [number for number, _ in ended] == [4, 5, 6]
    assert [outcome.status for _, outcome in ended] == ["failed", "done", "failed"]
    assert ended[0][1].error == "it died." and ended[0][1].code == 7
    assert ended[1][1].recipe == {"seed": 1}
    assert queue.fraction == 1.0


def test_paths_for_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(init="i.png", encoder="e.safetensors")
    job = Job(
        content=Path("c.png"),
        styles=(Path("s.png"),),
        output=Path("out/o.png"),
        settings=settings,
        mask=Path("m.png"),
        style_masks=(Path("n.png"),),
    )
    plain = replace(job, settings=Settings(), mask=None, style_masks=())
    group = Group((3, 4), (job, plain))
    sent = located(group)
    assert sent.numbers == group.numbers
    assert all(path.is_absolute() for each in sent.jobs for path in each.input_files)
    assert sent.jobs[0].settings.encoder == str(tmp_path / "e.safetensors")
    assert sent.jobs[0].init_path == tmp_path / "i.png"
    assert sent.jobs[1].settings == plain.settings
    assert sent.jobs[0].output == tmp_path / "out" / "o.png"
    outcomes = [Outcome.of(each, "done") for each in group.jobs]
    assert with_paths_of(group, [Outcome.of(each, "done") for each in sent.jobs]) == outcomes


def test_a_failure_is_tried_on_another_machine(jobs: list[Job]) -> None:
    queue = Queue([Group((4, 5), tuple(jobs[:2]))], 3)
    task = queue.take("a")
    outcomes = [Outcome.of(job, "failed", code=7) for job in jobs[:2]]
    outcomes[0] = replace(outcomes[0], status="done")
    ended, made = queue.retry(task, outcomes, [1], frozenset("a"))
    assert (ended.numbers, made) == ((4,), outcomes[:1])
    assert not queue.has_for("a") and queue.has_for("b")
    task = queue.take("b")
    assert (task.group.numbers, task.begun, queue.fraction) == ((5,), 2, 0.5)
    assert queue.finish(task, outcomes[1:]) == (task.group, outcomes[1:])
    assert queue.fraction == 1.0


def test_a_lost_task_avoids_its_machine(jobs: list[Job]) -> None:
    queue = Queue([Group((4,), (jobs[0],))], 2)
    queue.lose(queue.take("a"), DIED, frozenset("a"))
    assert not queue.has_for("a") and queue.take("b").begun == 2
