"""What a worker does, in this process or another: a group of jobs, made together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from stylecli.batch.outcome import Outcome
from stylecli.errors import MemoryLimitError, OutputError, StylecliError, is_out_of_memory
from stylecli.images.header import peek_size
from stylecli.job import TOGETHER, Job
from stylecli.messages import shown
from stylecli.pipeline.preflight import check_job
from stylecli.pipeline.session import JobResult, Prepared, Studio
from stylecli.provenance.up_to_date import complete_recipe, is_torn
from stylecli.transfer.request import common_settings
from stylecli.transfer.resample import Size
from stylecli.transfer.results import OnFraction, Progress
from stylecli.transfer.schedule import make_schedule, output_size

# What becomes of outputs that exist: refused; kept where complete and by the same recipe, else
# refused (skip) or replaced (renew); replaced.
Existing = Literal["refuse", "skip", "renew", "overwrite"]

TOGETHER_PIXELS: Final = 8 * 256 * 256


@dataclass(frozen=True)
class Group:
    """Jobs that can be made together, with their places in the batch.

    `pixels` are those of all outputs, `cost` is what the time is proportional to, both 0 where
    a picture cannot be read.
    """

    numbers: tuple[int, ...]
    jobs: tuple[Job, ...]
    pixels: int = 0
    cost: int = 0


def group_jobs(jobs: Sequence[Job], numbers: Sequence[int]) -> list[Group]:
    """Groups of jobs of one output size and alike settings, in the order of their first jobs.

    A job whose picture cannot be read is a group of its own, and fails when its turn comes.
    """
    groups: list[tuple[list[int], list[Job]]] = []
    unfilled: dict[object, tuple[list[int], list[Job]]] = {}
    sizes: dict[object, Size | None] = {}
    for number, job in zip(numbers, jobs, strict=True):
        size = _size_of(job, sizes)
        key = None if size is None or job.mask else (size, _alike(job))
        places, members = unfilled.get(key, ([], []))
        if not members:
            groups.append((places, members))
        places.append(number)
        members.append(job)
        if key is None or size is None or len(members) >= _room(size):
            unfilled.pop(key, None)
        else:
            unfilled[key] = places, members
    return [_group(places, members, _size_of(members[0], sizes)) for places, members in groups]


def _group(places: list[int], members: list[Job], size: Size | None) -> Group:
    if size is None:
        return Group(tuple(places), tuple(members))
    count, scales = len(members), make_schedule(size, members[0].settings)
    cost = count * sum(scale.work for scale in scales)
    return Group(tuple(places), tuple(members), count * size[0] * size[1], cost)


def _room(size: Size) -> int:
    """How many pictures of a size are made together."""
    return max(1, min(TOGETHER, TOGETHER_PIXELS // (size[0] * size[1])))


def work(
    studio: Studio,
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
            found = _prepare(studio, job, existing)
        except Exception as error:
            outcomes[number] = _failed(job, error)
        else:
            if isinstance(found, Outcome):
                outcomes[number] = found
            else:
                prepared[number] = found
    outcomes |= _make(studio, prepared, on_fraction)
    return [outcomes[number] for number in group.numbers]


def again(existing: Existing) -> Existing:
    """What becomes of outputs when a group is tried again: those it has made already stay."""
    return "skip" if existing == "refuse" else existing


def located(group: Group) -> Group:
    """The group with paths that do not depend on where a process runs."""
    return replace(group, jobs=tuple(job.located() for job in group.jobs))


def as_given(group: Group, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes in the words of the group as it was given: its own paths."""
    return [
        replace(
            outcome,
            content=str(job.content),
            styles=tuple(map(str, job.styles)),
            output=str(job.output),
        )
        for job, outcome in zip(group.jobs, outcomes, strict=True)
    ]


def _prepare(studio: Studio, job: Job, existing: Existing) -> Prepared | Outcome:
    """A job ready to be made, or the outcome where its picture is there already."""
    there = os.path.exists(job.output)  # false, not an error, for names that cannot be
    if existing in ("skip", "renew"):
        recipe = complete_recipe(job, studio.digests)
        if recipe is not None:
            return Outcome.of(job, "kept", recipe=recipe.to_dict())
        if there and existing == "skip" and not is_torn(job.output):
            raise OutputError(
                f"{shown(job.output)} exists and was made by another recipe: add --overwrite to "
                "replace it."
            )
        job = replace(job, force=True)  # another batch may put the same picture there meanwhile
    if existing == "refuse" and there:
        raise OutputError(
            f"{shown(job.output)} exists already: add --skip-existing or --overwrite."
        )
    check_job(job)
    return studio.prepare(job)


def _make(
    studio: Studio, prepared: dict[int, Prepared], on_fraction: OnFraction | None
) -> dict[int, Outcome]:
    if not prepared:
        return {}

    def tell(progress: Progress) -> None:
        if on_fraction is not None:
            on_fraction(progress.fraction)

    try:
        results = studio.make(list(prepared.values()), on_progress=tell)
    except Exception as error:
        if len(prepared) > 1 and isinstance(error, StylecliError | MemoryError):
            # One of them may be at fault, or all are too much at once.
            outcomes: dict[int, Outcome] = {}
            for number, each in prepared.items():
                outcomes |= _make(studio, {number: each}, on_fraction)
            return outcomes
        return {number: _failed(each.job, error) for number, each in prepared.items()}
    outcomes = {}
    for (number, each), result in zip(prepared.items(), results, strict=True):
        try:
            distances = studio.measure(each, result)
            outcomes[number] = _delivered(each.job, studio.deliver(each, result), distances)
        except Exception as error:
            outcomes[number] = _failed(each.job, error)
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


def _size_of(job: Job, known: dict[object, Size | None]) -> Size | None:
    key = job.content, job.settings.size
    if key not in known:
        try:
            known[key] = output_size(peek_size(job.content), job.settings)
        except StylecliError:
            known[key] = None
    return known[key]


def _alike(job: Job) -> tuple[object, ...]:
    """What jobs made together must share, besides the size; compare `Request.together`."""
    return common_settings(job.settings), job.compute, job.settings.color
