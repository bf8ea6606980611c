"""Ray engine: one actor for each GPU of a cluster, or several to a machine without any.

Pictures travel as paths, so every machine needs the same files at the same places. The driver
alone writes the manifest; the group of a lost machine is made again elsewhere.
"""

import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from stylecli.batch.grouping import Group, located, with_paths_of
from stylecli.batch.outcome import Outcome
from stylecli.batch.processes import clean_environment
from stylecli.batch.ray_start import check_reachable, import_ray
from stylecli.batch.runner import Queue, Task
from stylecli.batch.worker import work
from stylecli.errors import MemoryLimitError, UsageError
from stylecli.pipeline.session import Session
from stylecli.transfer.results import OnFraction

ATTEMPTS: Final = 3  # for a group whose machine was lost, and for an actor to come to life
HEARTBEAT: Final = 1.0  # seconds between looks at progress and at machines
PATIENCE: Final = 60.0  # seconds to wait for a machine where there is none
PACKAGE_FOLDER: Final = Path(__file__).parents[2]
Ended = Iterator[tuple[Group, list[Outcome]]]


@dataclass(eq=False)
class _WorkerHandle:
    """An actor, its node, and its task."""

    actor: Any
    node: str
    reply: Any  # pending call: first a sign of life, then a group
    started: bool = False
    task: Task | None = None
    progress_ref: Any = None  # pending call for the progress

    def begin(self, task: Task) -> None:
        """Submit a group to the actor."""
        self.task = task
        self.reply = self.actor.work.remote(located(task.group))


class RayEngine:
    """Groups on the machines of a Ray cluster, or of one started here for the batch.

    `workers` is the number of actors on each machine without a GPU. Raises `UsageError` where
    Ray is not installed or no cluster answers.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: int = 1,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        self.address, self.workers = address, workers
        self.say = on_message or (lambda _: None)
        self.ray = import_ray(local=self._address == "local")
        self.handles: list[_WorkerHandle] = []
        self.failed_starts: Counter[str] = Counter()  # by node: actors that died before a task
        self.fault = "there is none"  # why no machine can work, as far as is known

    def run(self, groups: Sequence[Group], *, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        if not groups:
            return
        began = self._connect()
        try:
            yield from self._run(Queue(groups, ATTEMPTS), on_fraction)
        except SystemError as error:  # what a signal raises in the middle of a call into Ray
            raise error.__cause__ or error from None
        finally:
            for handle in list(self.handles):
                self._stop_worker(handle)
            if began:
                self.ray.shutdown()

    @property
    def _address(self) -> str:
        return self.address or os.environ.get("RAY_ADDRESS") or "local"

    def _connect(self) -> bool:
        """Join the cluster or start one here; returns whether there was no connection before."""
        if self.ray.is_initialized():
            return False
        address = self._address
        self.say("Starting Ray" if address == "local" else f"Joining the Ray cluster at {address}")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address == "local":
            quiet["include_dashboard"] = False
        handler = signal.getsignal(signal.SIGTERM)
        try:
            check_reachable(address)
            # Workers look for modules where the driver is: in our own folder, not in a stranger's.
            with clean_environment(), contextlib.chdir(PACKAGE_FOLDER):
                self.ray.init(address, **quiet)
        except Exception as error:  # ConnectionError, RuntimeError and others
            raise UsageError(f"cannot join a Ray cluster at {address}: {_brief(error)}.") from error
        finally:  # with Ray's own handler the program would end with code 15, not by the signal
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)
        return True

    def _run(self, queue: Queue, on_fraction: OnFraction) -> Ended:
        polled, last_alive = float("-inf"), time.monotonic()
        while queue.waiting or any(handle.task for handle in self.handles):
            if time.monotonic() - polled >= HEARTBEAT:
                polled = time.monotonic()
                self._start_missing_workers(len(queue.waiting))
                self._poll_progress()
                on_fraction(queue.fraction)
                if any(handle.started for handle in self.handles):
                    last_alive = polled
                elif polled - last_alive >= PATIENCE:
                    self._report_waiting()
                    last_alive = polled
            for handle in self.handles:
                if handle.started and handle.task is None and queue.waiting:
                    handle.begin(queue.take())
            for handle in self._ready_workers():
                ended = self._handle_reply(handle, queue)
                if ended is not None:
                    yield ended

    def _start_missing_workers(self, waiting: int) -> None:
        """Start an actor for each GPU, or `workers` for each machine, while groups are waiting."""
        nodes = {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}
        for handle in [
            handle for handle in self.handles if handle.node not in nodes and not handle.task
        ]:
            self._stop_worker(handle)
        sound = [node for node in nodes if self.failed_starts[node] < ATTEMPTS]
        if nodes and not sound:
            self._report_waiting()
        for node in sound:
            gpus, cores = int(nodes[node].get("GPU", 0)), int(nodes[node].get("CPU", 0))
            wanted = gpus or min(self.workers, cores)
            present = sum(handle.node == node for handle in self.handles)
            idle = sum(handle.task is None for handle in self.handles)
            for _ in range(min(wanted - present, waiting - idle)):
                self.handles.append(self._start_worker(node, cores // wanted, gpus > 0))

    def _report_waiting(self) -> None:
        """Report that a machine is awaited. Raises `UsageError` where none can come."""
        if not self.handles:
            raise UsageError(f"the Ray cluster has no machine that can work: {self.fault}.")
        self.say("Waiting for a free machine of the Ray cluster")

    def _start_worker(self, node: str, cores: int, gpu: bool) -> _WorkerHandle:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        place = NodeAffinitySchedulingStrategy(node, soft=False)
        # Two calls at once: one works, the other returns the progress.
        actor_class = self.ray.remote(_Worker).options(
            num_cpus=cores, num_gpus=int(gpu), max_concurrency=2, scheduling_strategy=place
        )
        actor = actor_class.remote(max(1, cores))
        return _WorkerHandle(actor, node, actor.share.remote())

    def _stop_worker(self, handle: _WorkerHandle) -> None:
        self.handles.remove(handle)
        with contextlib.suppress(Exception):
            self.ray.kill(handle.actor)

    def _poll_progress(self) -> None:
        """Poll the progress of busy actors without waiting for it."""
        for handle in self.handles:
            if handle.task is None:
                handle.progress_ref = None
            elif handle.progress_ref is None:
                handle.progress_ref = handle.actor.share.remote()
            elif self.ray.wait([handle.progress_ref], timeout=0)[0]:
                with contextlib.suppress(self.ray.exceptions.RayError):
                    handle.task.share = self.ray.get(handle.progress_ref)
                handle.progress_ref = None

    def _ready_workers(self) -> list[_WorkerHandle]:
        """Handles of actors that have started, ended a group, or were lost; waits for one."""
        answers = {handle.reply: handle for handle in self.handles if handle.reply is not None}
        if not answers:
            time.sleep(HEARTBEAT / 10)
            return []
        return [
            answers[reference] for reference in self.ray.wait(list(answers), timeout=HEARTBEAT)[0]
        ]

    def _handle_reply(
        self, handle: _WorkerHandle, queue: Queue
    ) -> tuple[Group, list[Outcome]] | None:
        """Process an actor's reply; returns its group and outcomes where that has ended."""
        try:
            outcomes = self.ray.get(handle.reply)
        except self.ray.exceptions.RayError as error:
            return self._lose(handle, queue, _brief(error))
        task, handle.task, handle.reply, handle.progress_ref = handle.task, None, None, None
        if task is None:
            handle.started = True
            return None
        return queue.finish(task, with_paths_of(task.group, outcomes))

    def _lose(
        self, handle: _WorkerHandle, queue: Queue, why: str
    ) -> tuple[Group, list[Outcome]] | None:
        self._stop_worker(handle)
        if handle.task is None:
            self.failed_starts[handle.node] += 1
            self.fault = why
            return None
        return queue.lose(
            handle.task, MemoryLimitError(f"the worker that made it was lost: {why}.")
        )


class _Worker:
    """Ray actor: holds an encoder and makes groups, in a process on some node."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.session = Session()
        self.done = 0.0

    def work(self, group: Group) -> list[Outcome]:
        """A group's outcomes."""
        torch.set_num_threads(self.threads)
        self.done = 0.0

        def report(fraction: float) -> None:
            self.done = fraction

        return work(self.session, group, on_fraction=report)

    def share(self) -> float:
        """The share of the group that is done, in [0, 1]; callable while `work` runs."""
        return self.done


def _brief(error: Exception) -> str:
    """The last line of an error: Ray puts a page of text before it."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return " ".join(lines[-1].split())[:300].rstrip(".") if lines else type(error).__name__
