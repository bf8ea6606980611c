"""Worker: runs a group of jobs as one torch batch, in this process or another."""

import os
from dataclasses import replace
from typing import Literal

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.errors import MemoryLimitError, OutputError, StylecliError, is_out_of_memory
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.pipeline.preflight import check_job
from stylecli.pipeline.session import JobResult, Prepared, Session
from stylecli.provenance.up_to_date import complete_recipe, is_torn
from stylecli.transfer.results import OnFraction, Progress

# Policy for outputs that exist: refused; kept where complete and by the same recipe, else
# refused (skip) or replaced (renew); replaced.
Existing = Literal["refuse", "skip", "renew", "overwrite"]


def work(
    session: Session,
    group: Group,
    *,
    existing: Existing = "refuse",
    on_fraction: OnFraction | None = None,
) -> list[Outcome]:
    """Make a group's pictures; a failure of one is an outcome, and stops no other."""
    outcomes: dict[int, Outcome] = {}
    prepared: dict[int, Prepared] = {}
    for number, job in zip(group.numbers, group.jobs, strict=True):
        try:
            ready = _prepare(session, job, existing)
        except Exception as error:
            outcomes[number] = _failed(job, error)
        else:
            if isinstance(ready, Outcome):
                outcomes[number] = ready
            else:
                prepared[number] = ready
    outcomes |= _make(session, prepared, on_fraction)
    return [outcomes[number] for number in group.numbers]


def existing_on_retry(existing: Existing) -> Existing:
    """The policy when a group is retried: outputs that it has made already stay."""
    return "skip" if existing == "refuse" else existing


def _prepare(session: Session, job: Job, existing: Existing) -> Prepared | Outcome:
    """A job ready to be made, or the outcome where its picture is there already."""
    there = os.path.exists(job.output)  # false, not an error, for names that cannot be
    if existing in ("skip", "renew"):
        recipe = complete_recipe(job, session.digests)
        if recipe is not None:
            return Outcome.of(job, "kept", recipe=recipe.to_dict())
        if there and existing == "skip" and not is_torn(job.output):
            raise OutputError(
                f"{escaped(job.output)} exists and was made by another recipe: add --overwrite to "
                "replace it."
            )
        job = replace(job, force=True)  # another batch may put the same picture there meanwhile
    if existing == "refuse" and there:
        raise OutputError(
            f"{escaped(job.output)} exists already: add --skip-existing or --overwrite."
        )
    check_job(job)
    return session.prepare(job)


def _make(
    session: Session, prepared: dict[int, Prepared], on_fraction: OnFraction | None
) -> dict[int, Outcome]:
    if not prepared:
        return {}

    def report(progress: Progress) -> None:
        if on_fraction is not None:
            on_fraction(progress.fraction)

    try:
        results = session.make(list(prepared.values()), on_progress=report)
    except Exception as error:
        if len(prepared) > 1 and isinstance(error, StylecliError | MemoryError):
            # One of them may be at fault, or all are too much at once.
            outcomes: dict[int, Outcome] = {}
            for number, one in prepared.items():
                outcomes |= _make(session, {number: one}, on_fraction)
            return outcomes
        return {number: _failed(one.job, error) for number, one in prepared.items()}
    outcomes = {}
    for (number, one), result in zip(prepared.items(), results, strict=True):
        try:
            distances = session.measure(one, result)
            outcomes[number] = _delivered(one.job, session.deliver(one, result), distances)
        except Exception as error:
            outcomes[number] = _failed(one.job, error)
    return outcomes


def _delivered(job: Job, done: JobResult, distances: dict[str, float]) -> Outcome:
    return Outcome.of(
        job,
        "done",
        seconds=done.result.seconds,
        recipe=done.recipe,
        notes=done.notes,
        distances=distances,
    )


def _failed(job: Job, error: Exception) -> Outcome:
    if is_out_of_memory(error):
        error = MemoryLimitError("there is not enough memory: try a smaller --size.")
    return Outcome.failed(job.content, job.styles, job.output, error)
