"""Scheduling on a cluster: what a worker asks for, which machines will do, who tries again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from stylecli.batch.outcome import Outcome
from stylecli.errors import InputError
from stylecli.job import Job

# Bytes of memory that are asked for at most where no machine has room: pictures that need more are
# made in tiles, and an autoscaler has to have a machine that large.
MOST_UNSEEN: Final = 4 * 2**30
HEAD: Final = "node:__internal_head__"  # a resource that Ray gives to the head alone


@dataclass(frozen=True)
class ClusterOptions:
    """Cluster options: its address, the most workers, and what each asks for.

    `cpus` and `gpus` may be fractions; without `gpus` a worker takes one where the cluster has any
    and the jobs may use it. `skip_head` keeps workers off the head.
    """

    address: str | None = None
    workers: int | None = None
    cpus: float = 1.0
    gpus: float | None = None
    skip_head: bool = False


@dataclass(frozen=True)
class Machine:
    """A living node of the cluster."""

    node: str
    name: str
    resources: Mapping[str, float]

    @property
    def is_head(self) -> bool:
        """Whether the cluster's head runs here."""
        return HEAD in self.resources


@dataclass(frozen=True)
class Demand:
    """Resources that each worker asks for; `memory` in bytes, 0 where the GPU's is what counts."""

    cpus: float
    gpus: float
    memory: int = 0

    @property
    def threads(self) -> int:
        """Threads of a worker."""
        return max(1, int(self.cpus))

    def most_on(self, machine: Machine) -> int:
        """The number of workers for which a machine has room when nobody else uses it."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        rooms = [
            int(machine.resources.get(name, 0.0) / amount + 1e-6)
            for name, amount in wanted.items()
            if amount > 0
        ]
        return min(rooms, default=1)

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU", f"{self.gpus:g} GPU" if self.gpus else ""]
        parts.append(f"{self.memory / 2**30:.1f} GiB of memory" if self.memory else "")
        return " and ".join(part for part in parts if part)


def machines_of(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Machine]:
    """Living machines by their nodes, as `ray.nodes` lists them."""
    machines = {}
    for node in nodes:
        if node["Alive"]:
            address = node.get("NodeManagerAddress", "")
            host = node.get("NodeManagerHostname") or address
            label = node.get("NodeName") or address
            name = label if label != address else f"{host} ({address})"
            machines[node["NodeID"]] = Machine(node["NodeID"], name, node["Resources"])
    return machines


def demand_of(
    options: ClusterOptions, jobs: Sequence[Job], machines: Mapping[str, Machine], need: int = 0
) -> Demand:
    """What each worker asks for; `need` is the memory with which it can do without tiles.

    Less is asked for where a machine that could work has less.
    """
    devices = {job.compute.device.partition(":")[0] for job in jobs}
    has_gpus = any(machine.resources.get("GPU", 0) >= 1 for machine in machines.values())
    gpus = float("cuda" in devices or (devices != {"cpu"} and has_gpus))
    demand = Demand(options.cpus, gpus if options.gpus is None else options.gpus)
    if demand.gpus:
        return demand
    allowed = max((job.compute.max_bytes or need for job in jobs), default=need)
    rooms = [one.resources.get("memory", 0) for one in machines.values() if demand.most_on(one)]
    return replace(demand, memory=int(min(need, allowed, min(rooms, default=MOST_UNSEEN))))


def fault_of(greeting: Mapping[str, Any], here: Mapping[str, Any], demand: Demand) -> str | None:
    """Why a machine cannot work with this one, or `None`."""
    if greeting["ray"] != here["ray"]:
        return f"it has Ray {greeting['ray']}, and here is {here['ray']}"
    if "fault" in greeting:
        return f"stylecli as it is here cannot be loaded there ({greeting['fault']})"
    if greeting["code"] != here["code"]:
        if greeting["version"] == here["version"]:
            return f"its stylecli {here['version']} is another build than the one here"
        return f"it has stylecli {greeting['version']}, and here is {here['version']}"
    if demand.gpus and not greeting["gpus"]:
        return "PyTorch finds no GPU there, though the cluster lists one"
    return None


def blames_machine(outcome: Outcome) -> bool:
    """Whether a failure may be the machine's: its memory, disk, weights, device or libraries.

    Inputs are the same bytes everywhere.
    """
    return outcome.status == "failed" and outcome.code != InputError.exit_code


def can_try(
    machines: Mapping[str, Machine], demand: Demand, barred: frozenset[str]
) -> frozenset[str]:
    """The machines that are not barred, and have room for a worker."""
    return frozenset(
        node
        for node, machine in machines.items()
        if node not in barred and demand.most_on(machine) > 0
    )
