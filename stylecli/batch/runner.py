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
from stylecli.messages import ignore
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
    report = on_outcome or ignore

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
                _run_groups(groups, engine, fail_fast, settle, on_fraction or ignore)
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
