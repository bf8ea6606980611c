"""Batch runner: group jobs, run them on an engine, record each outcome in the manifest."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from stylecli.atomic import remove_leftovers
from stylecli.batch.grouping import Group, group_jobs
from stylecli.batch.manifest import Manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.planning import settled
from stylecli.errors import ClusterError, StylecliError, UsageError
from stylecli.job import Job
from stylecli.provenance.hashing import Digests
from stylecli.provenance.up_to_date import complete_recipe
from stylecli.transfer.results import OnFraction

OnOutcome = Callable[[Outcome], None]


class Engine(Protocol):
    """Runs groups: in this process, in several, or on a cluster."""

    def run(
        self, groups: Sequence[Group], *, on_fraction: OnFraction
    ) -> Iterator[tuple[Group, list[Outcome]]]:
        """Yield groups with the outcomes of their jobs, as they end.

        `on_fraction` is called with the share of the groups' jobs that is done, in [0, 1].
        Closing the iterator ends the work.
        """


@dataclass(eq=False)
class Task:
    """A group on its way through the workers of an engine that has several.

    `tried` are the machines on which it failed, and is not to be tried again.
    """

    group: Group
    begun: int = 0
    share: float = 0.0  # of it that is done
    tried: frozenset[str] = frozenset()


class Queue:
    """The groups that wait for a worker, the longest first, and how far all of them are.

    The short ones are left for the end, when workers would wait for the one that is last.
    A group whose worker died waits again, job by job, since one of them may be what was too much
    for it; each job is begun `attempts` times at most.
    """

    def __init__(self, groups: Sequence[Group], attempts: int) -> None:
        self.attempts = attempts
        longest_first = sorted(groups, key=lambda group: group.cost, reverse=True)
        self.waiting = [Task(group) for group in longest_first]
        self.running: list[Task] = []
        self.ended = 0  # jobs
        self.total = sum(len(group.jobs) for group in groups)

    def has_for(self, machine: str) -> bool:
        """Whether a task waits that this machine may try."""
        return any(machine not in task.tried for task in self.waiting)

    def take(self, machine: str = "") -> Task:
        """The next task that this machine may try; there has to be one."""
        task = next(task for task in self.waiting if machine not in task.tried)
        self.waiting.remove(task)
        task.begun += 1
        self.running.append(task)
        return task

    @property
    def fraction(self) -> float:
        """The share of all jobs that is done, in [0, 1]."""
        under_way = sum(len(task.group.jobs) * task.share for task in self.running)
        return (self.ended + under_way) / self.total

    def finish(self, task: Task, outcomes: Sequence[Outcome]) -> tuple[Group, list[Outcome]]:
        """Take a task that has ended out of the queue; returns its group and outcomes."""
        self.running.remove(task)
        self.ended += len(task.group.jobs)
        if task.begun == 1:
            return task.group, list(outcomes)
        return task.group, [_as_made(outcome) for outcome in outcomes]

    def lose(
        self, task: Task, error: Exception, tried: frozenset[str] = frozenset()
    ) -> tuple[Group, list[Outcome]] | None:
        """Requeue a task whose worker died, job by job, or return it as failed with `error`."""
        group = task.group
        if task.begun >= self.attempts:
            return self.finish(task, [_given_up(job, error) for job in group.jobs])
        self.running.remove(task)
        self._requeue(task, range(len(group.jobs)), tried)
        return None

    def retry(
        self, task: Task, outcomes: Sequence[Outcome], places: Sequence[int], tried: frozenset[str]
    ) -> tuple[Group, list[Outcome]]:
        """Requeue the jobs at some places of a task's group, for a machine that is not `tried`.

        Returns the others, which may be none, with their outcomes.
        """
        others = [place for place in range(len(outcomes)) if place not in places]
        ended = replace(
            task,
            group=Group(
                tuple(task.group.numbers[place] for place in others),
                tuple(task.group.jobs[place] for place in others),
            ),
        )
        self.running[self.running.index(task)] = ended
        self._requeue(task, places, tried)
        return self.finish(ended, [outcomes[place] for place in others])

    def _requeue(self, task: Task, places: Iterable[int], tried: frozenset[str]) -> None:
        numbers, jobs = task.group.numbers, task.group.jobs
        self.waiting[:0] = [
            Task(Group((numbers[n],), (_retried(jobs[n]),)), task.begun, tried=tried)
            for n in places
        ]


@dataclass
class Summary:
    """Outcomes of a batch, in the order of its jobs."""

    outcomes: list[Outcome] = field(default_factory=list)
    left: int = 0  # jobs that were not begun, since one had failed or the engine could not go on
    error: StylecliError | None = None  # why the engine could not go on

    def count(self, status: str) -> int:
        """The number of jobs with this status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 where every picture is there, else 3, or that of the engine's error."""
        if self.error is not None:
            return self.error.exit_code
        return 3 if self.count("failed") or self.left else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **{status: self.count(status) for status in ("done", "kept", "failed")},
            "left": self.left,
            **({} if self.error is None else {"error": str(self.error)}),
            "jobs": [outcome.to_dict() for outcome in self.outcomes],
        }


def run_batch(
    jobs: Sequence[Job],
    engine: Engine,
    manifest: Manifest,
    *,
    failures: Sequence[Outcome] = (),
    fail_fast: bool = False,
    on_outcome: OnOutcome | None = None,
    on_fraction: OnFraction | None = None,
) -> Summary:
    """Make every job's picture that is not there yet; one failure stops no other.

    `failures` are jobs that failed before; they are recorded as well. Jobs that are bound to fail
    do so before any work. With `fail_fast` nothing new is begun after a failure. An engine that
    cannot begin or go on leaves the rest, and its error in the summary. Raises `OutputError` where
    the manifest cannot be written.
    """
    outcomes: dict[int, Outcome] = {}
    report = on_outcome or _ignore

    def settle(number: int, outcome: Outcome) -> None:
        manifest.record(outcome)
        outcomes[number] = outcome
        report(outcome)

    manifest.check(path for job in jobs for path in job.files_read)
    for number, failure in enumerate(failures, len(jobs)):
        settle(number, failure)
    for number, outcome in settled(jobs):
        settle(number, replace(outcome, distances=manifest.distances_of(outcome.output)))
    numbers = [number for number in range(len(jobs)) if number not in outcomes]
    groups = group_jobs([jobs[number] for number in numbers], numbers)
    failed = any(outcome.status == "failed" for outcome in outcomes.values())
    fault: StylecliError | None = None
    with _without_leftovers({job.output.parent for job in jobs}):
        if not (fail_fast and failed):
            try:
                _run_groups(groups, engine, fail_fast, settle, on_fraction or _ignore)
            except (ClusterError, UsageError) as error:
                fault = error
    left = len(jobs) + len(failures) - len(outcomes)
    return Summary([outcomes[number] for number in sorted(outcomes)], left, fault)


@contextlib.contextmanager
def _without_leftovers(folders: Iterable[Path]) -> Iterator[None]:
    """Remove temporary files of an earlier batch on entry, and of killed workers on exit."""
    for folder in folders:
        remove_leftovers(folder)
    try:
        yield
    finally:
        for folder in folders:
            remove_leftovers(folder)


def _run_groups(
    groups: Sequence[Group],
    engine: Engine,
    fail_fast: bool,
    settle: Callable[[int, Outcome], None],
    on_fraction: OnFraction,
) -> None:
    running = engine.run(groups, on_fraction=on_fraction)
    try:
        for group, outcomes in running:
            for number, outcome in zip(group.numbers, outcomes, strict=True):
                settle(number, outcome)
            if fail_fast and any(outcome.status == "failed" for outcome in outcomes):
                return
    finally:
        close = getattr(running, "close", None)
        if close is not None:
            close()


def _retried(job: Job) -> Job:
    """A job for another attempt: a picture that an earlier one has put in place stays."""
    return replace(job, existing="skip") if job.existing == "refuse" else job


def _as_made(outcome: Outcome) -> Outcome:
    """The outcome of a retry: a picture that was kept was made by an earlier attempt."""
    return replace(outcome, status="done") if outcome.status == "kept" else outcome


def _given_up(job: Job, error: Exception) -> Outcome:
    """Failed, unless its picture was in place before its worker died."""
    recipe = complete_recipe(job, Digests())
    if recipe is not None:
        return Outcome.of(job, "done", recipe=recipe.to_dict())
    return Outcome.failed(job.content, job.styles, job.output, error)


def _ignore(_: object) -> None:
    """Callback that does nothing."""
