"""Groups of jobs that can be made together: one output size, alike settings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from stylecli.batch.outcome import Outcome
from stylecli.errors import StylecliError
from stylecli.images.header import peek_size
from stylecli.job import TOGETHER, Job
from stylecli.transfer.request import common_settings
from stylecli.transfer.resample import Size
from stylecli.transfer.schedule import make_schedule, output_size

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
