"""Engines on this machine: one process, or several that each hold an encoder."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

import torch

from stylecli.errors import MemoryLimitError
from stylecli.jobs.batch import OnFraction
from stylecli.jobs.outcome import Outcome
from stylecli.jobs.studio import DownloadCallback, MessageCallback, Studio
from stylecli.jobs.working import Existing, Group, again, as_made, work

ATTEMPTS: Final = 2  # for a group whose process died
HEARTBEAT: Final = 0.2  # seconds between looks at the others' progress
Ended = Iterator[tuple[Group, list[Outcome]]]


class SerialEngine:
    """Everything in this process, one group after another."""

    def __init__(
        self,
        *,
        on_message: MessageCallback | None = None,
        on_download: DownloadCallback | None = None,
    ) -> None:
        self.studio = Studio(on_message=on_message, on_download=on_download)

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups in order."""
        total = sum(len(group.jobs) for group in groups)
        done = 0
        for group in groups:
            size = len(group.jobs)

            def tell(fraction: float, done: int = done, size: int = size) -> None:
                on_fraction((done + size * fraction) / total)

            yield group, work(self.studio, group, existing=existing, on_fraction=tell)
            done += size
            on_fraction(done / total)


class PoolEngine:
    """Several processes with an equal share of the cores each.

    A process that dies (killed for memory, say) costs its group an attempt, not the batch.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.context = multiprocessing.get_context("spawn")

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        total = sum(len(group.jobs) for group in groups)
        waiting = list(range(len(groups)))
        attempts = [0] * len(groups)
        fractions: dict[int, float] = {}
        while waiting:
            with _Pool(self.workers, self.context) as pool:
                running = {}
                for i in waiting:
                    policy = again(existing) if attempts[i] else existing
                    running[pool.submit(groups[i], i, policy)] = i
                    attempts[i] += 1
                waiting = []
                broken = False
                while running:
                    ended, _ = wait(running, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
                    fractions |= pool.heard()
                    on_fraction(_share(groups, fractions, total))
                    for future in ended:
                        i = running.pop(future)
                        outcomes, died = _result(future, groups[i], attempts[i])
                        broken |= died
                        if outcomes is None:
                            waiting.append(i)
                            continue
                        fractions[i] = 1.0
                        yield groups[i], as_made(outcomes, existing)
                    on_fraction(_share(groups, fractions, total))


class _Pool:
    """A pool of workers, and what they say of their progress."""

    def __init__(self, workers: int, context: Any) -> None:
        self.queue = context.Queue()
        threads = max(1, torch.get_num_threads() // workers)
        self.pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(threads, self.queue)
        )

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes at once: what they have not finished is not wanted any more."""
        processes = list((self.pool._processes or {}).values())
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(5.0)
        self.queue.close()

    def submit(self, group: Group, number: int, existing: Existing) -> "Future[list[Outcome]]":
        return self.pool.submit(_work, group, number, existing)

    def heard(self) -> dict[int, float]:
        """The latest share of each group that its worker told of."""
        found: dict[int, float] = {}
        while not self.queue.empty():
            number, fraction = self.queue.get()
            found[number] = fraction
        return found


def _result(
    future: "Future[list[Outcome]]", group: Group, attempts: int
) -> tuple[list[Outcome] | None, bool]:
    """Outcomes, or `None` where the group is to be tried again; and whether a process died."""
    try:
        return future.result(), False
    except BrokenProcessPool:
        if attempts < ATTEMPTS:
            return None, True
        error = MemoryLimitError("the process that made it died twice: memory may be too small.")
        return [
            Outcome.failed(job.content, job.styles, job.output, error) for job in group.jobs
        ], True


def _share(groups: Sequence[Group], fractions: dict[int, float], total: int) -> float:
    return sum(len(groups[i].jobs) * share for i, share in fractions.items()) / total


_studio: Studio | None = None
_queue: Any = None


def _begin(threads: int, queue: Any) -> None:
    """In a new worker: its share of the cores, and no part in the terminal's Ctrl-C."""
    global _studio, _queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _studio, _queue = Studio(), queue
    parent = os.getppid()
    _die_with(parent)


def _die_with(parent: int) -> None:
    """End when the batch's own process is gone, however it went."""
    import threading
    import time

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _work(group: Group, number: int, existing: Existing) -> list[Outcome]:
    assert _studio is not None
    return work(
        _studio,
        group,
        existing=existing,
        on_fraction=lambda fraction: _queue.put((number, fraction)),
    )
