"""An engine on a Ray cluster: one actor for each GPU, or several to a machine without any.

Pictures travel as paths, so every machine needs the same files at the same places. The driver
alone writes the manifest; what a lost machine was at is done again elsewhere.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from stylecli.errors import MemoryLimitError, UsageError
from stylecli.jobs.batch import OnFraction
from stylecli.jobs.job import Job
from stylecli.jobs.outcome import Outcome
from stylecli.jobs.studio import Studio
from stylecli.jobs.working import Existing, Group, again, as_made, work

ATTEMPTS: Final = 3  # for a group whose machine was lost
HEARTBEAT: Final = 1.0  # seconds between looks at progress and at machines
PATIENCE: Final = 60.0  # seconds to wait for a machine where there is none
Ended = Iterator[tuple[Group, list[Outcome]]]


@dataclass
class _Hand:
    """An actor, the machine it is on, and what it is at."""

    actor: Any
    node: str
    group: int | None = None
    task: Any = None
    asked: Any = None  # for its progress


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

    def run(self, groups: Sequence[Group], *, existing: Existing, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        began = self._connect()
        try:
            yield from self._run(groups, existing, on_fraction)
        finally:
            for hand in self.hands:
                with contextlib.suppress(Exception):
                    self.ray.kill(hand.actor)
            self.hands = []
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
        try:
            self.ray.init(address, **quiet)
        except Exception as error:  # ConnectionError, RuntimeError and others
            why = " ".join(str(error).split())[:200].rstrip(".")
            raise UsageError(f"cannot join a Ray cluster at {address}: {why}.") from error
        return True

    def _run(self, groups: Sequence[Group], existing: Existing, on_fraction: OnFraction) -> Ended:
        waiting = list(range(len(groups)))
        attempts = [0] * len(groups)
        shares = [0.0] * len(groups)
        looked, seen = float("-inf"), time.monotonic()
        while waiting or any(hand.task is not None for hand in self.hands):
            if time.monotonic() - looked >= HEARTBEAT:
                looked = time.monotonic()
                self._staff()
                if self.hands:
                    seen = looked
                elif looked - seen > PATIENCE:
                    raise UsageError("the Ray cluster has no machine that can work.")
                for index, share in self._heard():
                    shares[index] = max(shares[index], share)
                on_fraction(_mean(groups, shares))
            for hand in self.hands:
                if hand.task is None and waiting:
                    index = waiting.pop(0)
                    policy = again(existing) if attempts[index] else existing
                    hand.group, hand.task = (
                        index,
                        hand.actor.work.remote(_sent(groups[index]), policy),
                    )
                    attempts[index] += 1
            for index, outcomes in self._ended():
                if outcomes is None and attempts[index] < ATTEMPTS:
                    waiting.insert(0, index)
                    continue
                shares[index] = 1.0
                yield groups[index], _received(groups[index], outcomes, existing)

    def _staff(self) -> None:
        """An actor for each GPU, or `workers` for each machine, on those that are there now."""
        nodes = {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}
        self.hands = [hand for hand in self.hands if hand.node in nodes or hand.task is not None]
        for node, resources in nodes.items():
            gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
            wanted = gpus or min(self.workers, cores)
            there = sum(hand.node == node for hand in self.hands)
            for _ in range(wanted - there):
                self.hands.append(self._hire(node, max(1, cores // wanted), gpus > 0))

    def _hire(self, node: str, threads: int, gpu: bool) -> _Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        place = NodeAffinitySchedulingStrategy(node, soft=False)
        actor = self.ray.remote(_Worker).options(
            num_cpus=threads, num_gpus=int(gpu), max_concurrency=2, scheduling_strategy=place
        )
        return _Hand(actor.remote(threads), node)

    def _heard(self) -> Iterator[tuple[int, float]]:
        """The share of each running group that its actor tells of."""
        for hand in self.hands:
            if hand.task is None or hand.group is None:
                continue
            if hand.asked is None:
                hand.asked = hand.actor.share.remote()
            elif self.ray.wait([hand.asked], timeout=0)[0]:
                with contextlib.suppress(Exception):
                    yield hand.group, self.ray.get(hand.asked)
                hand.asked = None

    def _ended(self) -> Iterator[tuple[int, list[Outcome] | None]]:
        """Groups that ended, without outcomes where their actor was lost."""
        running = {hand.task: hand for hand in self.hands if hand.task is not None}
        if not running:
            time.sleep(HEARTBEAT / 10)
            return
        for task in self.ray.wait(list(running), timeout=HEARTBEAT)[0]:
            hand = running[task]
            index, hand.task, hand.group, hand.asked = hand.group, None, None, None
            assert index is not None
            try:
                yield index, self.ray.get(task)
            except self.ray.exceptions.RayError:
                self.hands.remove(hand)
                yield index, None


class _Worker:
    """Runs in a process of its own, on some machine: holds an encoder and makes groups."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.studio = Studio()
        self.done = 0.0

    def work(self, group: Group, existing: Existing) -> list[Outcome]:
        """A group's outcomes."""
        torch.set_num_threads(self.threads)
        self.done = 0.0

        def tell(fraction: float) -> None:
            self.done = fraction

        return work(self.studio, group, existing=existing, on_fraction=tell)

    def share(self) -> float:
        """How much of the group is done, in [0, 1]; answered while `work` runs."""
        return self.done


def _sent(group: Group) -> Group:
    """The group with paths that do not depend on where a process runs."""
    return Group(group.numbers, tuple(map(_absolute, group.jobs)))


def _absolute(job: Job) -> Job:
    settings = job.settings
    if job.init_path is not None:
        settings = replace(settings, init=str(job.init_path.absolute()))
    if "/" in settings.encoder or os.sep in settings.encoder:
        settings = replace(settings, encoder=str(Path(settings.encoder).expanduser().absolute()))
    return replace(
        job,
        content=job.content.absolute(),
        styles=tuple(style.absolute() for style in job.styles),
        output=job.output.absolute(),
        settings=settings,
        mask=None if job.mask is None else job.mask.absolute(),
        style_masks=tuple(mask.absolute() for mask in job.style_masks),
    )


def _received(group: Group, outcomes: list[Outcome] | None, existing: Existing) -> list[Outcome]:
    """Outcomes in the words of the group as it was given: its own paths."""
    if outcomes is None:
        error = MemoryLimitError(f"its machine was lost {ATTEMPTS} times: memory may be too small.")
        return [Outcome.failed(job.content, job.styles, job.output, error) for job in group.jobs]
    return [
        replace(
            outcome,
            content=str(job.content),
            styles=tuple(map(str, job.styles)),
            output=str(job.output),
        )
        for job, outcome in zip(group.jobs, as_made(outcomes, existing), strict=True)
    ]


def _mean(groups: Sequence[Group], shares: Sequence[float]) -> float:
    """The share of all jobs that is done, in [0, 1]."""
    total = sum(len(group.jobs) for group in groups)
    done = sum(len(group.jobs) * share for group, share in zip(groups, shares, strict=True))
    return done / total


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
