"""Worker: runs a group of jobs as one torch batch, in this process or another."""

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.batch.planning import ADVICE
from stylecli.errors import StylecliError
from stylecli.job import Job
from stylecli.pipeline.preflight import check_job
from stylecli.pipeline.session import JobResult, Prepared, Session
from stylecli.transfer.results import OnFraction, Progress


def work(
    session: Session,
    group: Group,
    *,
    on_fraction: OnFraction | None = None,
) -> list[Outcome]:
    """Make a group's pictures; a failure of one is an outcome, and stops no other."""
    outcomes: dict[int, Outcome] = {}
    prepared: dict[int, Prepared] = {}
    for number, job in zip(group.numbers, group.jobs, strict=True):
        try:
            ready = _prepare(session, job)
        except Exception as error:
            outcomes[number] = _failed(job, error)
        else:
            if isinstance(ready, Outcome):
                outcomes[number] = ready
            else:
                prepared[number] = ready
    outcomes |= _make(session, prepared, on_fraction)
    return [outcomes[number] for number in group.numbers]


def _prepare(session: Session, job: Job) -> Prepared | Outcome:
    """A job ready to be made, or the outcome where its picture is there already."""
    recipe = check_job(job, digests=session.digests, advice=ADVICE)
    if recipe is not None:
        return Outcome.of(job, "kept", recipe=recipe.to_dict())
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
    return Outcome.failed(job.content, job.styles, job.output, error)
