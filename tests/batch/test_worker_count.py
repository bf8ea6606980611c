"""How many processes share a batch, and what each gets of its memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.batch import pool, worker_count
from stylecli.batch.grouping import Group, group_jobs
from stylecli.batch.pool import LocalEngine, PoolEngine, SerialEngine
from stylecli.batch.task_queue import Queue
from stylecli.batch.worker_count import (
    WORTH_IT,
    count_workers,
    on_device,
    shared_devices,
    with_share,
)
from stylecli.job import Job
from stylecli.settings import Compute, Settings
from stylecli.transfer.memory_model import PROCESS

MUCH = int(WORTH_IT)


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(worker_count, "usable_cores", lambda: 4)
    monkeypatch.setattr(worker_count, "memory_limit", lambda _, own: own or 64 * 2**30)


def group(cost: int = MUCH, pixels: int = 1000, encoder: str = "compact", **compute: Any) -> Group:
    job = Job(
        content=Path("c.png"),
        styles=(Path("s.png"),),
        output=Path("o.png"),
        settings=Settings(encoder=encoder),
        compute=Compute(**{"device": "cpu", **compute}),
    )
    return Group((0,), (job,), pixels, cost)


@pytest.mark.parametrize(
    ("costs", "workers"),
    [
        ([1], 1),
        ([1, 1], 2),
        ([1, 1, 1], 3),
        ([1, 1, 1, 1], 4),
        ([1, 1, 1, 1, 1], 1),  # three of four would wait for the fifth
        ([1] * 8, 4),
        ([1] * 9, 2),
        ([8, 1], 1),  # the second would have little to do
        ([8, 8, 1], 2),
        ([2, 1, 1, 8, 1], 1),
    ],
)
def test_as_many_as_end_first(costs: list[int], workers: int) -> None:
    assert count_workers([group(cost * MUCH) for cost in costs]) == workers


def test_little_work_is_not_shared() -> None:
    assert count_workers([]) == 1
    assert count_workers([group(MUCH // 2 - 1)] * 2) == 1
    assert count_workers([group(MUCH // 2)] * 2) == 2


def test_as_many_as_there_is_memory_for() -> None:
    pixels = 10**6  # 6.6 GB, and the process itself
    need = PROCESS + 6_600_000_000
    for allowed, workers in ((need - 1, 1), (2 * need - 1, 1), (2 * need, 2), (9 * need, 4)):
        groups = [group(pixels=pixels, max_memory=str(allowed))] * 8
        assert count_workers(groups) == workers
    large = group(pixels=pixels, max_memory=str(2 * need))
    groups = [group(), large, group(), group()]
    assert count_workers(groups) == 2


def test_no_more_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may be allowed fewer than torch counts."""
    monkeypatch.setattr(worker_count, "usable_cores", lambda: 2)
    assert count_workers([group()] * 8) == 2


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


ALL = ("cuda:0", "cuda:1", "cuda:2")


@pytest.mark.usefixtures("three_gpus")
@pytest.mark.parametrize(
    ("devices", "shared", "workers"),
    [
        (["cuda"] * 4, ALL, 3),
        (["auto", "cuda"], ALL, 2),
        (["cuda:1"] * 4, (), 1),
        (["cuda", "cuda:0"], (), 1),
        (["cpu", "cuda"], (), 1),
    ],
)
def test_a_worker_for_each_gpu(devices: list[str], shared: tuple[str, ...], workers: int) -> None:
    """All of them unless one is named, which several workers do not share by themselves."""
    groups = [group(device=name) for name in devices]
    assert shared_devices(groups) == shared
    assert count_workers(groups) == workers


def test_on_a_cpu_there_is_no_device_to_share() -> None:
    assert shared_devices([group()]) == ()
    assert on_device(group(), None) == group()
    assert on_device(group(max_memory="2G"), "cuda:1") == group(max_memory="2G", device="cuda:1")


def test_each_worker_gets_the_freest_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """More workers than devices take turns; one that replaces another, its device."""

    class Worker:
        task = None

        def __init__(self, threads: int, device: str | None) -> None:
            self.device = device

    monkeypatch.setattr(pool, "_Worker", Worker)
    engine = PoolEngine(5)
    engine.devices = ALL
    running: list[Any] = []
    engine._start_workers(running, 5)
    assert [worker.device for worker in running] == [*ALL, "cuda:0", "cuda:1"]
    del running[2]
    engine._start_workers(running, 5)
    assert running[-1].device == "cuda:2"


def test_shares_of_the_memory() -> None:
    shared = with_share(group(max_memory="2G"), 4)
    assert shared.jobs[0].compute.max_bytes == 2**29
    assert replace(shared, jobs=()) == replace(group(), jobs=())
    assert with_share(group(), 4) == group()


def test_workers_get_their_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def queue(groups: Any, *_: Any) -> None:
        raise Asked(*groups)

    monkeypatch.setattr(pool, "Queue", queue)
    with pytest.raises(Asked) as asked:
        next(PoolEngine(2).run([group(max_memory="2G")], on_fraction=print))
    assert asked.value.args == (with_share(group(max_memory="2G"), 2),)


@pytest.mark.parametrize(
    ("workers", "cost", "wanted"),
    [(None, 1, "serial"), (1, MUCH, "serial"), (None, MUCH, ("pool", 2)), (3, 1, ("pool", 3))],
)
def test_the_engine(
    workers: int | None, cost: int, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several workers find the encoder there: this process has seen to it, and told of it."""
    said: list[str] = []

    class Pool:
        def __init__(self, workers: int, _: object) -> None:
            self.workers = workers

        def run(self, *_: Any, **__: Any) -> tuple[str, int]:
            return "pool", self.workers

    monkeypatch.setattr(SerialEngine, "run", lambda *_, **__: "serial")
    monkeypatch.setattr(pool, "PoolEngine", Pool)
    engine = LocalEngine(SerialEngine(on_message=said.append), workers)
    groups = [group(cost), group(cost, encoder="none.pth")]
    found: Any = engine.run(groups, on_fraction=print)
    assert found == wanted
    loading = ["Loading encoder compact", "Loading encoder none.pth"]
    assert said == ([] if wanted == "serial" else loading)


def test_costs_and_the_longest_first(tmp_path: Path, style_path: Path) -> None:
    jobs = []
    for name, side, iterations in (("a", 40, 8), ("b", 80, 8), ("c", 40, 80), ("d", 0, 8)):
        path = tmp_path / f"{name}.png"
        if side:
            Image.new("RGB", (side, side)).save(path)
        settings = Settings(iterations=iterations)
        jobs.append(Job(content=path, styles=(style_path,), output=path, settings=settings))
    groups = group_jobs(jobs, range(4))
    small, large, long, missing = groups
    assert [each.pixels for each in groups] == [1600, 6400, 1600, 0]
    assert 0 == missing.cost < small.cost < large.cost < long.cost == 10 * small.cost
    twice = group_jobs([jobs[0], jobs[0]], range(2))
    assert (twice[0].pixels, twice[0].cost) == (3200, 2 * small.cost)
    queue = Queue(groups, 2)
    assert [queue.take().group for _ in groups] == [long, large, small, missing]
