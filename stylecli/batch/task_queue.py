"""Queue of tasks: the groups that wait for a worker, and go back when one dies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.job import Job
from stylecli.provenance.hashing import Digests
from stylecli.provenance.up_to_date import complete_recipe


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
