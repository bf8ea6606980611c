"""Engines on this machine: serial, or a pool of processes that each hold an encoder."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

import torch

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.batch.processes import (
    end_with_parent,
    most_workers,
    starting_processes,
    worker_context,
)
from stylecli.batch.task_queue import Queue, Task
from stylecli.batch.worker import work
from stylecli.batch.worker_count import (
    count_workers,
    on_device,
    shared_devices,
    threads_each,
    with_share,
)
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.errors import MemoryLimitError, StylecliError
from stylecli.messages import reason
from stylecli.pipeline.session import Session
from stylecli.transfer.results import OnFraction

ATTEMPTS: Final = 2  # for a group whose process died
Ended = Iterator[tuple[Group, list[Outcome]]]


class SerialEngine:
    """Runs groups in this process, one after another."""

    def __init__(
        self,
        *,
        on_message: MessageCallback | None = None,
        on_download: DownloadCallback | None = None,
    ) -> None:
        self.session = Session(on_message=on_message, on_download=on_download)

    def run(self, groups: Sequence[Group], *, on_fraction: OnFraction) -> Ended:
        """Groups in order."""
        total = sum(len(group.jobs) for group in groups)
        done = 0
        for group in groups:
            size = len(group.jobs)

            def report(fraction: float, done: int = done, size: int = size) -> None:
                on_fraction((done + size * fraction) / total)

            yield group, work(self.session, group, on_fraction=report)
            done += size
            on_fraction(done / total)


class PoolEngine:
    """Runs groups in a pool of processes with an equal share of the cores, or of the GPUs, each.

    A process that dies (killed for memory, say) costs the group it was working on an attempt,
    and the other groups nothing. Where none can be started (again), as many as there are go on; the
    last of the groups are then made in this process, by `session`.
    """

    def __init__(self, workers: int, session: Session | None = None) -> None:
        self.workers = min(workers, most_workers())
        self.session = session or Session()
        self.devices: Sequence[str] = ()

    def run(self, groups: Sequence[Group], *, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        queue = Queue([with_share(group, self.workers) for group in groups], ATTEMPTS)
        self.devices = shared_devices(groups)
        running: list[_Worker] = []
        try:
            while queue.waiting or any(worker.task for worker in running):
                self._start_workers(running, len(queue.waiting))
                if not running:
                    yield from self._work_here(queue, on_fraction)
                    return
                for worker in running:
                    if worker.task is None and queue.waiting:
                        worker.begin(queue.take())
                for worker in _ready_workers(running):
                    ended = _handle_message(worker, queue)
                    on_fraction(queue.fraction)
                    if ended is not None:
                        yield ended
                for worker in [worker for worker in running if worker.dead]:
                    running.remove(worker)
                    worker.end()
        finally:
            for worker in running:
                worker.process.kill()  # unfinished groups are not wanted any more
            for worker in running:
                worker.end()

    def _start_workers(self, running: list["_Worker"], waiting: int) -> None:
        """Start as many workers as there are groups waiting, up to the number of workers."""
        idle = sum(worker.task is None for worker in running)
        threads = threads_each(self.workers)
        for _ in range(min(waiting - idle, self.workers - len(running))):
            try:
                running.append(_Worker(threads, self._freest_device(running)))
            except (OSError, EOFError) as error:  # no process or memory left, or no fork server
                self.workers = len(running)
                why = reason(error) if isinstance(error, OSError) else "its server has ended"
                where = f"{len(running)} worker(s)" if running else "one process"
                self.session.say(
                    f"Note: no worker process can be started ({why}): going on in {where}."
                )
                return

    def _freest_device(self, running: Sequence["_Worker"]) -> str | None:
        """The device with the fewest workers; `None` where there are none to share."""
        taken = Counter(worker.device for worker in running)
        return min(self.devices, key=lambda device: taken[device], default=None)

    def _work_here(self, queue: Queue, on_fraction: OnFraction) -> Ended:
        while queue.waiting:
            task = queue.take()

            def report(share: float, task: Task = task) -> None:
                task.share = share
                on_fraction(queue.fraction)

            yield queue.finish(task, work(self.session, task.group, on_fraction=report))
            on_fraction(queue.fraction)


class LocalEngine:
    """A pool of `workers` processes; by default as many as are faster for the groups."""

    def __init__(self, serial: SerialEngine, workers: int | None = None) -> None:
        self.serial, self.workers = serial, workers

    def run(self, groups: Sequence[Group], *, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        workers = self.workers or count_workers(groups)
        if workers == 1:
            return self.serial.run(groups, on_fraction=on_fraction)
        self._fetch_encoders(groups)
        engine = PoolEngine(workers, self.serial.session)
        return engine.run(groups, on_fraction=on_fraction)

    def _fetch_encoders(self, groups: Sequence[Group]) -> None:
        """Download encoders here, with progress, not in every worker; errors come from workers."""
        for job in {
            job.settings.encoder_name: job for group in groups for job in group.jobs
        }.values():
            with contextlib.suppress(StylecliError):
                self.serial.session.encoder(job)


class _Worker:
    """A worker process, the connection to it, and its task; all of them on `device` if given."""

    def __init__(self, threads: int, device: str | None = None) -> None:
        self.device = device
        process_context = worker_context()
        self.task: Task | None = None
        self.dead = False
        self.connection: Connection
        self.connection, child_connection = process_context.Pipe()
        self.process: BaseProcess = process_context.Process(
            target=_serve, args=(child_connection, threads), daemon=True
        )
        with starting_processes():
            self.process.start()
        child_connection.close()  # else the end of file at its death would not arrive

    def begin(self, task: Task) -> None:
        """Send a group; where the process is dead already, `receive` returns `None` next."""
        self.task = task
        with contextlib.suppress(OSError):
            self.connection.send(on_device(task.group, self.device))

    def receive(self) -> float | list[Outcome] | None:
        """The share of the group that is done, its outcomes, or `None` where the process died."""
        try:
            if not self.connection.poll():  # it has ended, and left nothing to read
                return None
            message: float | list[Outcome] = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def end(self) -> None:
        """Kill the process, and close its handle and connection."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


def _ready_workers(running: Sequence[_Worker]) -> list[_Worker]:
    """Busy workers that have sent a message, or have died; waits for one.

    On Windows this process holds the other end of a connection, too, until its worker has taken it
    over: where that dies before, only its sentinel says so.
    """
    busy = [worker for worker in running if worker.task is not None]
    ready = wait([end for worker in busy for end in (worker.connection, worker.process.sentinel)])
    return [
        worker for worker in busy if worker.connection in ready or worker.process.sentinel in ready
    ]


def _handle_message(worker: _Worker, queue: Queue) -> tuple[Group, list[Outcome]] | None:
    """Process a worker's message; returns its group and outcomes where that has ended."""
    task, message = worker.task, worker.receive()
    assert task is not None
    if isinstance(message, float):
        task.share = message
        return None
    worker.task, worker.dead = None, message is None
    if message is None:
        return queue.lose(
            task, MemoryLimitError("the process that made it died: memory may be too small.")
        )
    return queue.finish(task, message)


def _serve(connection: Connection, threads: int) -> None:
    """Main loop of a worker: make groups with its share of the cores, until the end of file."""
    end_with_parent()
    torch.set_num_threads(threads)
    session = Session()
    with contextlib.suppress(EOFError, OSError):
        while True:
            group = connection.recv()
            connection.send(work(session, group, on_fraction=connection.send))
