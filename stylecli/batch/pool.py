"""Engines on this machine: one process, or several that each hold an encoder."""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Final

import torch

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.batch.processes import end_with_parent, ignoring_ctrl_c, worker_context
from stylecli.batch.runner import Queue, Task
from stylecli.batch.worker import Existing, work
from stylecli.batch.worker_count import count_workers, threads_each, with_share
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.errors import MemoryLimitError, StylecliError
from stylecli.pipeline.session import Session
from stylecli.transfer.results import OnFraction

ATTEMPTS: Final = 2  # for a group whose process died
Ended = Iterator[tuple[Group, list[Outcome]]]


class SerialEngine:
    """Everything in this process, one group after another."""

    def __init__(
        self,
        *,
        on_message: MessageCallback | None = None,
        on_download: DownloadCallback | None = None,
    ) -> None:
        self.session = Session(on_message=on_message, on_download=on_download)

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups in order."""
        total = sum(len(group.jobs) for group in groups)
        done = 0
        for group in groups:
            size = len(group.jobs)

            def tell(fraction: float, done: int = done, size: int = size) -> None:
                on_fraction((done + size * fraction) / total)

            yield group, work(self.session, group, existing=existing, on_fraction=tell)
            done += size
            on_fraction(done / total)


class PoolEngine:
    """Several processes with an equal share of the cores each.

    A process that dies (killed for memory, say) costs the group it was at an attempt, and the
    other groups nothing.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        queue = Queue([with_share(group, self.workers) for group in groups], existing, ATTEMPTS)
        hands: list[_Hand] = []
        try:
            while queue.waiting or any(hand.task for hand in hands):
                self._hire(hands, len(queue.waiting))
                for hand in hands:
                    if hand.task is None and queue.waiting:
                        hand.begin(*queue.take())
                for hand in _speaking(hands):
                    ended = _heard(hand, queue)
                    on_fraction(queue.fraction)
                    if ended is not None:
                        yield ended
                for hand in [hand for hand in hands if hand.dead]:
                    hands.remove(hand)
                    hand.end()
        finally:
            for hand in hands:
                hand.process.kill()  # what they have not finished is not wanted any more
            for hand in hands:
                hand.end()

    def _hire(self, hands: list["_Hand"], waiting: int) -> None:
        """As many as there is work for, up to the number of workers."""
        idle = sum(hand.task is None for hand in hands)
        for _ in range(min(waiting - idle, self.workers - len(hands))):
            hands.append(_Hand(threads_each(self.workers)))


class LocalEngine:
    """As many processes as `workers` says; without it as many as are faster for the groups."""

    def __init__(self, serial: SerialEngine, workers: int | None = None) -> None:
        self.serial, self.workers = serial, workers

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        workers = self.workers or count_workers(groups)
        if workers == 1:
            return self.serial.run(groups, existing=existing, on_fraction=on_fraction)
        self._fetch_encoders(groups)
        return PoolEngine(workers).run(groups, existing=existing, on_fraction=on_fraction)

    def _fetch_encoders(self, groups: Sequence[Group]) -> None:
        """Once, and where progress is heard, not by every worker; they tell of what is wrong."""
        for job in {
            job.settings.encoder_name: job for group in groups for job in group.jobs
        }.values():
            with contextlib.suppress(StylecliError):
                self.serial.session.encoder(job.settings)


class _Hand:
    """A worker process, the line to it, and what it is at."""

    def __init__(self, threads: int) -> None:
        workshop = worker_context()
        self.task: Task | None = None
        self.dead = False
        self.line, theirs = workshop.Pipe()
        self.process = workshop.Process(target=_serve, args=(theirs, threads), daemon=True)
        with ignoring_ctrl_c():
            self.process.start()
        theirs.close()  # else its death would not be heard

    def begin(self, task: Task, existing: Existing) -> None:
        """Give it a group; where it is dead already, that is heard next."""
        self.task = task
        with contextlib.suppress(OSError):
            self.line.send((task.group, existing))

    def hear(self) -> float | list[Outcome] | None:
        """The share of its group that is done, the group's outcomes, or `None` where it died."""
        try:
            said: float | list[Outcome] = self.line.recv()
        except (EOFError, OSError):
            return None
        return said

    def end(self) -> None:
        """Make sure that the process is gone, and leave nothing of it."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.line.close()


def _speaking(hands: Sequence[_Hand]) -> list[_Hand]:
    """Busy workers that have something to say, or have died; waits for one."""
    ready = wait([hand.line for hand in hands if hand.task is not None])
    return [hand for hand in hands if hand.line in ready]


def _heard(hand: _Hand, queue: Queue) -> tuple[Group, list[Outcome]] | None:
    """Take in what a worker says; its group, where that has ended."""
    task, said = hand.task, hand.hear()
    assert task is not None
    if isinstance(said, float):
        task.share = said
        return None
    hand.task, hand.dead = None, said is None
    if said is None:
        return queue.lose(
            task, MemoryLimitError("the process that made it died: memory may be too small.")
        )
    return queue.finish(task, said)


def _serve(line: Connection, threads: int) -> None:
    """A worker: makes groups with its share of the cores, until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(threads)
    session = Session()
    with contextlib.suppress(EOFError, OSError):
        while True:
            group, existing = line.recv()
            line.send(work(session, group, existing=existing, on_fraction=line.send))
