"""Actor pool: which workers a cluster is asked for, and which are let go."""

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from stylecli.batch import ray_actor
from stylecli.batch.grouping import Group, located
from stylecli.batch.processes import SAFE_PATH
from stylecli.batch.scheduling import ClusterOptions, Machine, can_try, demand_of, machines_of
from stylecli.batch.task_queue import Queue, Task
from stylecli.batch.transport import as_plain, files_of
from stylecli.batch.worker_count import memory_need

MOST_PENDING: Final = 8  # workers beyond the room there is: an autoscaler's hint, with little cost
MOST_WORKERS: Final = 4096
# Variables by which libraries compute: a worker that has others may be slow, or make other bytes.
CARRIED: Final = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_MAX_CPU_ISA",
    "GOMP_SPINCOUNT",
    "MKL_CBWR",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
)
SAMPLES: Final = 16  # input files by which a shared folder is known


@dataclass(eq=False)
class ActorHandle:
    """An actor, its machine once it has greeted, and its task."""

    actor: Any
    reply: Any  # pending call: first the greeting, then a group
    machine: Machine | None = None
    shares_files: bool = True
    task: Task | None = None
    progress_ref: Any = None  # pending call for the progress

    @property
    def node(self) -> str:
        """The node, once the actor has greeted."""
        return "" if self.machine is None else self.machine.node

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a group."""
        return self.machine is not None and self.task is None


class ActorPool:
    """Actors for the groups of a queue, wherever Ray finds room for what they ask for."""

    def __init__(self, ray: Any, options: ClusterOptions, groups: Sequence[Group], queue: Queue):
        jobs = [job for group in groups for job in group.jobs]
        ray.cloudpickle.register_pickle_by_value(ray_actor)
        self.ray, self.options, self.queue = ray, options, queue
        self.handles: list[ActorHandle] = []
        self.machines = machines_of(ray.nodes())
        self.demand = demand_of(options, jobs, self.machines, memory_need(groups))
        self.samples = files_of(located(Group((), tuple(jobs[:SAMPLES]))).jobs)
        self.barred: set[str] = set()  # machines that cannot work with this one

    def unwanted(self) -> frozenset[str]:
        """Machines that no worker is wanted on."""
        heads = {node for node, machine in self.machines.items() if machine.is_head}
        return frozenset(self.barred | (heads if self.options.skip_head else set()))

    def hire(self) -> None:
        """Ask for as many workers as groups wait, and an autoscaler may bring."""
        gone = [idle for idle in self.handles if idle.is_idle and idle.node not in self.machines]
        self.stop(gone)
        barred = self.unwanted()
        tried = self._tried_everywhere_idle()
        idle = [handle for handle in self.handles if handle.is_idle]
        if tried and idle and len(self.handles) >= (self.options.workers or len(self.handles) + 1):
            self.stop(idle[:1])  # its place is wanted on another machine
        pending = sum(handle.machine is None for handle in self.handles)
        useful = 0 if tried else sum(handle.is_idle for handle in self.handles)
        able = can_try(self.machines, self.demand, barred)
        room = sum(self.demand.most_on(self.machines[node]) for node in able)
        most = min(
            self.options.workers or MOST_WORKERS,
            max(room, len(self.handles) - pending) + MOST_PENDING,
        )
        for _ in range(min(len(self.queue.waiting) - useful - pending, most - len(self.handles))):
            self.handles.append(self._start(barred | tried))

    def _tried_everywhere_idle(self) -> frozenset[str]:
        """Machines on which the next task has failed, where only their workers are idle."""
        idle = {handle.node for handle in self.handles if handle.is_idle}
        for task in self.queue.waiting:
            if task.tried and idle <= task.tried:
                return task.tried
        return frozenset()

    def _start(self, barred: frozenset[str]) -> ActorHandle:
        """A new actor, wherever there is room but there."""
        options: dict[str, Any] = {}
        if barred:
            nodes = ",".join(sorted(barred))
            options["label_selector"] = {"ray.io/node-id": f"!in({nodes})"}
        # Two calls at once: one works, the other returns the progress.
        actor = (
            self.ray.remote(ray_actor.StyleActor)
            .options(
                num_cpus=self.demand.cpus,
                num_gpus=self.demand.gpus,
                max_concurrency=2,
                memory=self.demand.memory or None,
                runtime_env={"env_vars": carried_variables()},
                **options,
            )
            .remote(self.demand.threads, self.demand.gpus)
        )
        return ActorHandle(actor, actor.greet.remote(as_plain(self.samples)))

    def stop(self, handles: Sequence[ActorHandle]) -> None:
        """Let actors remove their files, then end them."""
        closing = []
        for handle in handles:
            if handle.is_idle:
                with contextlib.suppress(Exception):
                    closing.append(handle.actor.close.remote())
        with contextlib.suppress(Exception):
            self.ray.wait(closing, num_returns=len(closing), timeout=1.0)
        for handle in list(handles):
            self.handles.remove(handle)
            with contextlib.suppress(Exception):
                self.ray.kill(handle.actor)

    def ready_handles(self, patience: float) -> list[ActorHandle]:
        """Handles of actors that have greeted, ended a group, or were lost; waits for one."""
        answers = {handle.reply: handle for handle in self.handles if handle.reply is not None}
        if not answers:
            time.sleep(patience / 10)
            return []
        return [
            answers[reference] for reference in self.ray.wait(list(answers), timeout=patience)[0]
        ]


def carried_variables() -> dict[str, str]:
    """Environment variables of a worker; what the cluster's job asks for is added by Ray."""
    carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
    return {**carried, SAFE_PATH: "1"}
