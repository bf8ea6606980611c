"""Many jobs: grouped, made by an engine, each recorded when its picture is in place."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from stylecli.files import remove_leftovers
from stylecli.jobs.digests import Digests
from stylecli.jobs.existing import complete_recipe
from stylecli.jobs.job import Job
from stylecli.jobs.manifest import Manifest
from stylecli.jobs.outcome import Outcome
from stylecli.jobs.working import Existing, Group, group_jobs

OnOutcome = Callable[[Outcome], None]
OnFraction = Callable[[float], None]


class Engine(Protocol):
    """Where groups are made: in this process, in several, or on a cluster."""

    def run(
        self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction
    ) -> Iterator[tuple[Group, list[Outcome]]]:
        """Groups and what became of their jobs, as they end.

        `on_fraction` hears the share of the groups' jobs that is done, in [0, 1]. Closing the
        iterator ends the work.
        """


@dataclass
class Summary:
    """What became of a batch, in the order of its jobs."""

    outcomes: list[Outcome] = field(default_factory=list)
    left: int = 0  # jobs that were not begun, since one had failed

    def count(self, status: str) -> int:
        """How many jobs ended this way."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 where every picture is there, else 3."""
        return 3 if self.count("failed") or self.left else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **{status: self.count(status) for status in ("done", "kept", "failed")},
            "left": self.left,
            "jobs": [outcome.to_dict() for outcome in self.outcomes],
        }


def run_batch(
    jobs: Sequence[Job],
    engine: Engine,
    manifest: Manifest,
    *,
    failures: Sequence[Outcome] = (),
    existing: Existing = "refuse",
    fail_fast: bool = False,
    on_outcome: OnOutcome | None = None,
    on_fraction: OnFraction | None = None,
) -> Summary:
    """Make every job's picture that is not there yet; one failure stops no other.

    `failures` are jobs that failed before; they are recorded as well. `existing` says what
    becomes of outputs that are there: with `skip` those of the same recipe are kept. With
    `fail_fast` nothing new is begun after a failure. Raises `OutputError` where the manifest
    cannot be written.
    """
    found: dict[int, Outcome] = {}
    tell = on_outcome or _unheard

    def settle(number: int, outcome: Outcome) -> None:
        manifest.record(outcome)
        found[number] = outcome
        tell(outcome)

    for number, failure in enumerate(failures, len(jobs)):
        settle(number, failure)
    todo = [replace(job, force=existing == "overwrite") for job in jobs]
    numbers = list(range(len(jobs)))
    if existing == "skip":
        digests = Digests()
        for number in list(numbers):
            recipe = complete_recipe(todo[number], digests)
            if recipe is not None:
                settle(number, Outcome.of(todo[number], "kept", recipe=recipe.to_dict()))
                numbers.remove(number)
    groups = group_jobs([todo[number] for number in numbers], numbers)
    folders = {job.output.parent for job in jobs}
    for folder in folders:
        remove_leftovers(folder)
    if not (fail_fast and failures):
        try:
            _run_groups(groups, engine, existing, fail_fast, settle, on_fraction or _unheard)
        finally:  # of workers that were ended in the middle of a file
            for folder in folders:
                remove_leftovers(folder)
    left = len(jobs) + len(failures) - len(found)
    return Summary([found[number] for number in sorted(found)], left)


def _run_groups(
    groups: Sequence[Group],
    engine: Engine,
    existing: Existing,
    fail_fast: bool,
    settle: Callable[[int, Outcome], None],
    on_fraction: OnFraction,
) -> None:
    running = engine.run(groups, existing=existing, on_fraction=on_fraction)
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


def _unheard(_: object) -> None:
    """Nobody listens."""
