"""An engine on a Ray cluster: one actor for each GPU, or several to a machine without any.

Pictures travel as paths, so every machine needs the same files at the same places. The driver
alone writes the manifest; what a lost machine was at is done again elsewhere.
"""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from stylecli.batch.grouping import Group, as_given, located
from stylecli.batch.outcome import Outcome
from stylecli.batch.runner import Queue, Task
from stylecli.batch.worker import Existing, work
from stylecli.errors import MemoryLimitError, UsageError
from stylecli.pipeline.session import Session
from stylecli.transfer.results import OnFraction

ATTEMPTS: Final = 3  # for a group whose machine was lost, and for an actor to come to life
HEARTBEAT: Final = 1.0  # seconds between looks at progress and at machines
PATIENCE: Final = 60.0  # seconds to wait for a machine where there is none
ANSWER: Final = 10.0  # seconds in which a cluster's head has to answer
Ended = Iterator[tuple[Group, list[Outcome]]]


@dataclass(eq=False)
class _Hand:
    """An actor, the machine it is on, and what it is at."""

    actor: Any
    node: str
    answer: Any  # what it was asked last: at first whether it lives, then for a group
    lives: bool = False
    task: Task | None = None
    asked: Any = None  # for its progress

    def begin(self, task: Task, existing: Existing) -> None:
        """Give it a group."""
        self.task = task
        self.answer = self.actor.work.remote(located(task.group), existing)


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
        self.ray = _import_ray()
        self.hands: list[_Hand] = []
        self.failed_starts: Counter[str] = Counter()  # actors of each machine that never lived
        self.fault = "there is none"  # why no machine can work, as far as is known

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        if not groups:
            return
        began = self._connect()
        try:
            yield from self._run(Queue(groups, existing, ATTEMPTS), on_fraction)
        except SystemError as error:  # what a signal raises in the middle of a call into Ray
            raise error.__cause__ or error from None
        finally:
            for hand in list(self.hands):
                self._dismiss(hand)
            if began:
                self.ray.shutdown()

    def _connect(self) -> bool:
        """Join the cluster or start one here; whether there was no connection before."""
        if self.ray.is_initialized():
            return False
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        self.say("Starting Ray" if address == "local" else f"Joining the Ray cluster at {address}")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address == "local":
            quiet["include_dashboard"] = False
        handler = signal.getsignal(signal.SIGTERM)
        try:
            check_reachable(address)
            self.ray.init(address, **quiet)
        except Exception as error:  # ConnectionError, RuntimeError and others
            raise UsageError(f"cannot join a Ray cluster at {address}: {_brief(error)}.") from error
        finally:  # with Ray's own handler the program would end with code 15, not by the signal
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)
        return True

    def _run(self, queue: Queue, on_fraction: OnFraction) -> Ended:
        looked, lived = float("-inf"), time.monotonic()
        while queue.waiting or any(hand.task for hand in self.hands):
            if time.monotonic() - looked >= HEARTBEAT:
                looked = time.monotonic()
                self._staff(len(queue.waiting))
                self._ask()
                on_fraction(queue.fraction)
                if any(hand.lives for hand in self.hands):
                    lived = looked
                elif looked - lived >= PATIENCE:
                    self._be_patient()
                    lived = looked
            for hand in self.hands:
                if hand.lives and hand.task is None and queue.waiting:
                    hand.begin(*queue.take())
            for hand in self._speaking():
                ended = self._heard(hand, queue)
                if ended is not None:
                    yield ended

    def _staff(self, waiting: int) -> None:
        """An actor for each GPU, or `workers` for each machine, as long as there is work."""
        nodes = {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}
        for hand in [hand for hand in self.hands if hand.node not in nodes and not hand.task]:
            self._dismiss(hand)
        sound = [node for node in nodes if self.failed_starts[node] < ATTEMPTS]
        if nodes and not sound:
            self._be_patient()
        for node in sound:
            gpus, cores = int(nodes[node].get("GPU", 0)), int(nodes[node].get("CPU", 0))
            wanted = gpus or min(self.workers, cores)
            there = sum(hand.node == node for hand in self.hands)
            idle = sum(hand.task is None for hand in self.hands)
            for _ in range(min(wanted - there, waiting - idle)):
                self.hands.append(self._hire(node, cores // wanted, gpus > 0))

    def _be_patient(self) -> None:
        """Say what is waited for. Raises `UsageError` where nothing is."""
        if not self.hands:
            raise UsageError(f"the Ray cluster has no machine that can work: {self.fault}.")
        self.say("Waiting for a free machine of the Ray cluster")

    def _hire(self, node: str, cores: int, gpu: bool) -> _Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        place = NodeAffinitySchedulingStrategy(node, soft=False)
        # Two calls at once: one works, the other tells of it.
        kind = self.ray.remote(_Worker).options(
            num_cpus=cores, num_gpus=int(gpu), max_concurrency=2, scheduling_strategy=place
        )
        actor = kind.remote(max(1, cores))
        return _Hand(actor, node, actor.share.remote())

    def _dismiss(self, hand: _Hand) -> None:
        self.hands.remove(hand)
        with contextlib.suppress(Exception):
            self.ray.kill(hand.actor)

    def _ask(self) -> None:
        """Ask busy actors how far they are, and take in what they have answered."""
        for hand in self.hands:
            if hand.task is None:
                hand.asked = None
            elif hand.asked is None:
                hand.asked = hand.actor.share.remote()
            elif self.ray.wait([hand.asked], timeout=0)[0]:
                with contextlib.suppress(self.ray.exceptions.RayError):
                    hand.task.share = self.ray.get(hand.asked)
                hand.asked = None

    def _speaking(self) -> list[_Hand]:
        """Actors that have come to life, have ended a group, or were lost; waits for one."""
        answers = {hand.answer: hand for hand in self.hands if hand.answer is not None}
        if not answers:
            time.sleep(HEARTBEAT / 10)
            return []
        return [answers[each] for each in self.ray.wait(list(answers), timeout=HEARTBEAT)[0]]

    def _heard(self, hand: _Hand, queue: Queue) -> tuple[Group, list[Outcome]] | None:
        """Take in what an actor says; its group, where that has ended."""
        try:
            said = self.ray.get(hand.answer)
        except self.ray.exceptions.RayError as error:
            return self._lose(hand, queue, _brief(error))
        task, hand.task, hand.answer, hand.asked = hand.task, None, None, None
        if task is None:
            hand.lives = True
            return None
        return queue.finish(task, as_given(task.group, said))

    def _lose(self, hand: _Hand, queue: Queue, why: str) -> tuple[Group, list[Outcome]] | None:
        self._dismiss(hand)
        if hand.task is None:
            self.failed_starts[hand.node] += 1
            self.fault = why
            return None
        return queue.lose(hand.task, MemoryLimitError(f"the worker that made it was lost: {why}."))


class _Worker:
    """Runs in a process of its own, on some machine: holds an encoder and makes groups."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.session = Session()
        self.done = 0.0

    def work(self, group: Group, existing: Existing) -> list[Outcome]:
        """A group's outcomes."""
        torch.set_num_threads(self.threads)
        self.done = 0.0

        def tell(fraction: float) -> None:
            self.done = fraction

        return work(self.session, group, existing=existing, on_fraction=tell)

    def share(self) -> float:
        """How much of the group is done, in [0, 1]; answered while `work` runs."""
        return self.done


def check_reachable(address: str) -> None:
    """Raise `OSError` where nobody is at HOST:PORT; Ray itself would go on trying for long."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()


def _brief(error: Exception) -> str:
    """The last line of an error: what Ray puts before it goes on for a page."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return " ".join(lines[-1].split())[:300].rstrip(".") if lines else type(error).__name__


def _import_ray() -> Any:
    """Ray, without its usage statistics. Raises `UsageError` where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # leave CUDA's variable be
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--engine ray needs Ray: pip install 'stylecli[ray]', or use --engine local."
        ) from error
    return ray
