"""What a worker asks for, which machines will do, and whose fault a failure is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch.outcome import Outcome
from stylecli.batch.scheduling import (
    HEAD,
    ClusterOptions,
    Demand,
    Machine,
    blames_machine,
    can_try,
    demand_of,
    fault_of,
    machines_of,
)
from stylecli.job import Job
from stylecli.settings import Compute

HERE = {
    "ray": "2.60.0",
    "version": "1.0",
    "code": "a",
    "torch": "2.6.0+cpu",
    "gpus": 0,
    "missing": [],
}
GIB = 2**30
JOB = Job(content=Path("c.png"), styles=(Path("s.png"),), output=Path("o.png"))


def machine(node: str = "n", **resources: float) -> Machine:
    return Machine(node, node, resources)


@pytest.mark.parametrize(
    ("cpus", "gpus", "resources", "most"),
    [
        (1, 0, {"CPU": 4}, 4),
        (0.5, 0, {"CPU": 4}, 8),
        (3, 0, {"CPU": 4}, 1),
        (1, 0, {}, 0),
        (1, 0.25, {"CPU": 8, "GPU": 1}, 4),
        (0.1, 0, {"CPU": 0.3}, 3),
        (0, 0, {}, 1),
        (1, 0, {"CPU": 4, "memory": 2.5 * GIB}, 2),
    ],
)
def test_room(cpus: float, gpus: float, resources: dict[str, float], most: int) -> None:
    demand = Demand(cpus, gpus, GIB if "memory" in resources else 0)
    assert demand.most_on(Machine("n", "n", resources)) == most


@pytest.mark.parametrize(
    ("device", "asked", "there", "gpus"),
    [
        ("auto", None, 0, 0),
        ("auto", None, 2, 1),
        ("cpu", None, 2, 0),
        ("cuda", None, 0, 1),
        ("cuda:1", None, 0, 1),
        ("auto", 0.5, 0, 0.5),
        ("auto", 0, 2, 0),
    ],
)
def test_gpus_are_asked_for_where_there_are_any(
    device: str, asked: float | None, there: int, gpus: float
) -> None:
    job = replace(JOB, compute=Compute(device=device))
    machines = {"n": machine(CPU=1, GPU=there)}
    assert demand_of(ClusterOptions(gpus=asked), [job], machines) == Demand(1, gpus)


@pytest.mark.parametrize(
    ("given", "rooms", "asked"),
    [
        (None, [16.0], 3.0),
        (None, [16.0, 2.0], 2.0),
        (None, [16.0, 0.5], 3.0),  # which has no core
        (None, [], 4.0),
        ("1G", [16.0], 1.0),
        ("8G", [16.0], 3.0),
    ],
)
def test_memory_is_asked_for_as_far_as_some_machine_has_it(
    given: str | None, rooms: list[float], asked: float
) -> None:
    job = replace(JOB, compute=Compute(max_memory=given))
    machines = {
        str(room): Machine("n", "n", {"CPU": float(room > 1), "memory": room * GIB})
        for room in rooms
    }
    need = int((3 if rooms else 9) * GIB)  # more than most machines have, where there is none
    demand = demand_of(ClusterOptions(), [job], machines, need)
    assert demand == Demand(1, 0, int(asked * GIB))
    assert str(demand) == f"1 CPU and {asked:.1f} GiB of memory"
    assert demand_of(ClusterOptions(gpus=1), [job], machines, need).memory == 0


def test_machines_are_those_that_live() -> None:
    node = {"NodeManagerAddress": "10.0.0.7", "NodeManagerHostname": "h", "NodeName": "10.0.0.7"}
    nodes: list[dict[str, Any]] = [
        {**node, "NodeID": "a", "Alive": True, "Resources": {"CPU": 1.0, HEAD: 1.0}},
        {**node, "NodeID": "b", "Alive": False, "Resources": {}},
        {**node, "NodeID": "c", "Alive": True, "Resources": {}, "NodeName": "gpu-7"},
    ]
    machines = machines_of(nodes)
    assert [one.name for one in machines.values()] == ["h (10.0.0.7)", "gpu-7"]
    assert machines["a"].is_head and not machines["c"].is_head
    assert can_try(machines, Demand(1, 0), frozenset()) == {"a"}
    assert can_try(machines, Demand(1, 0), frozenset("a")) == set()


@pytest.mark.parametrize(
    ("greeting", "gpus", "fault"),
    [
        ({}, 0, None),
        ({"torch": "2.7.0"}, 0, None),
        ({"ray": "2.55.0"}, 0, "it has Ray 2.55.0, and here is 2.60.0"),
        ({"fault": "ImportError: no stylecli"}, 0, "cannot be loaded there (ImportError"),
        ({"code": "b", "version": "0.9"}, 0, "it has stylecli 0.9, and here is 1.0"),
        ({"code": "b"}, 0, "its stylecli 1.0 is another build"),
        ({}, 0.5, "PyTorch finds no GPU there"),
        ({"gpus": 1}, 0.5, None),
    ],
)
def test_a_machine_that_cannot_work(
    greeting: dict[str, Any], gpus: float, fault: str | None
) -> None:
    told = fault_of({**HERE, **greeting}, HERE, Demand(1, gpus))
    assert told is None if fault is None else fault in str(told)


@pytest.mark.parametrize(
    ("code", "blamed"), [(1, True), (2, True), (4, False), (5, True), (6, True), (7, True)]
)
def test_whose_fault(code: int, blamed: bool) -> None:
    assert blames_machine(Outcome.of(JOB, "failed", code=code)) is blamed
    assert not blames_machine(Outcome.of(JOB, "done"))
