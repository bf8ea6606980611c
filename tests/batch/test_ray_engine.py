"""The engine on Ray: real clusters on this machine, one of whose machines is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch import ray_engine
from stylecli.batch.manifest import NAME, Manifest, read_manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.planning import BatchRequest, plan_batch
from stylecli.batch.ray_engine import RayEngine
from stylecli.batch.runner import Queue, Summary, run_batch
from stylecli.errors import UsageError

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.ray
CONNECT = socket.socket.connect
NAMES = [f"out/{i}.png" for i in range(5)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines of one core each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 1, "include_dashboard": False}
        found = Cluster(initialize_head=True, head_node_args=head)
        found.add_node(num_cpus=1)
        yield found
        found.shutdown()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, content_path: Path, style_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray_engine, "HEARTBEAT", 0.2)
    monkeypatch.setattr(ray_engine, "ATTEMPTS", 2)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)  # a cluster has no loopback address


def run(engine: RayEngine, count: int, iterations: int = 2, **more: Any) -> Summary:
    """Jobs that cannot be made together, with outputs 0, 1, and so on."""
    own = [{"size": 32 + 2 * i, "output": f"{i}.png"} for i in range(count)]
    lines = [json.dumps({"content": "content.png", "iterations": iterations, **x}) for x in own]
    request = BatchRequest(folder=Path("out"), styles=["style.png"], lines=lines)
    return run_batch(plan_batch(request).jobs, engine, Manifest(Path("out")), **more)


def recorded() -> list[str]:
    return sorted(str(line["output"]) for line in read_manifest(Path("out", NAME)))


def replaced(monkeypatch: Any, **methods: Any) -> None:
    """Other methods for the actors; by value, since they know nothing of this file."""
    monkeypatch.setattr(ray_engine, "_Worker", type("Worker", (ray_engine._Worker,), methods))


def test_all_are_made_and_the_cluster_is_left(cluster: Any) -> None:
    shares: list[float] = []
    said: list[str] = []
    engine = RayEngine(address=cluster.address, workers=4, on_message=said.append)
    summary = run(engine, 3, on_fraction=shares.append)
    assert [outcome.status for outcome in summary.outcomes] == ["done"] * 3
    assert [outcome.output for outcome in summary.outcomes] == recorded() == NAMES[:3]
    assert summary.outcomes[0].content == "content.png"
    assert summary.outcomes[0].styles == ("style.png",)
    assert said == [f"Joining the Ray cluster at {cluster.address}"]
    assert not ray.is_initialized()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_connection_that_was_there_stays(cluster: Any) -> None:
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        assert run(RayEngine(), 1).count("done") == 1
        assert ray.is_initialized()
        wait_until(lambda: ray.available_resources().get("CPU") == 2)  # its actors are gone
    finally:
        ray.shutdown()


def test_a_job_that_kills_its_worker_fails_alone(cluster: Any, monkeypatch: Any) -> None:
    work = ray_engine._Worker.work

    def die(self: Any, group: Any) -> list[Outcome]:
        if group.jobs[0].output.name == "1.png":
            os._exit(1)
        return work(self, group)

    replaced(monkeypatch, work=die)
    lost: list[Any] = []
    lose = Queue.lose

    def remember(*task: Any) -> Any:
        lost.append(task)
        return lose(*task)

    monkeypatch.setattr(Queue, "lose", remember)
    summary = run(RayEngine(address=cluster.address), 3)
    assert [outcome.status for outcome in summary.outcomes] == ["done", "failed", "done"]
    assert summary.outcomes[1].code == 7 and "was lost" in str(summary.outcomes[1].error)
    assert len(lost) == 2
    assert recorded() == NAMES[:3]


def test_machines_on_which_no_worker_lives(cluster: Any, monkeypatch: Any) -> None:
    def fail(self: Any, threads: int) -> None:
        raise ImportError("no module named stylecli")

    monkeypatch.setattr(ray_engine, "ATTEMPTS", 1)
    replaced(monkeypatch, __init__=fail)
    with pytest.raises(UsageError, match=r"no machine that can work: .*no module named stylecli"):
        run(RayEngine(address=cluster.address), 2)
    assert not ray.is_initialized()


def test_nothing_to_do_needs_no_cluster() -> None:
    engine = RayEngine(address="127.0.0.1:1")
    assert list(engine.run([], on_fraction=lambda _: None)) == []


def test_no_cluster() -> None:
    with pytest.raises(UsageError, match=r"cannot join a Ray cluster at 127.0.0.1:1: "):
        run(RayEngine(address="127.0.0.1:1"), 1)


def test_a_cluster_without_machines(cluster: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray_engine, "PATIENCE", 0.5)
    monkeypatch.setattr(ray, "nodes", lambda: [])
    with pytest.raises(UsageError, match="no machine that can work: there is none"):
        run(RayEngine(address=cluster.address), 1)


def test_a_cluster_that_is_busy(cluster: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray_engine, "PATIENCE", 0.5)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        kind = ray.remote(num_cpus=1)(type("Other", (), {"lives": lambda self: True}))
        others = [kind.remote() for _ in range(2)]
        ray.get([other.lives.remote() for other in others])
        said: list[str] = []

        def hear(text: str) -> None:
            if not said:  # they end when it is said for the first time
                for other in others:
                    ray.kill(other)
            said.append(text)

        assert run(RayEngine(on_message=hear), 2).count("done") == 2
        assert said[0] == "Waiting for a free machine of the Ray cluster"
    finally:
        ray.shutdown()


def test_a_machine_is_lost_in_the_middle(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = cluster.add_node(num_cpus=1)
    place, begun, make = spare.node_id, tmp_path / "begun", ray_engine._Worker.work

    def work(self: Any, group: Any) -> list[Outcome]:
        """Never ends on the machine that is lost; elsewhere it waits for it to begin."""
        if ray.get_runtime_context().get_node_id() == place:
            begun.touch()
            time.sleep(600)
        while not begun.exists():
            time.sleep(0.05)
        return make(self, group)

    replaced(monkeypatch, work=work)
    lost: list[int] = []
    lose = Queue.lose

    def losing(self: Queue, task: Any, error: Exception) -> Any:
        lost.extend(task.group.numbers)
        return lose(self, task, error)

    monkeypatch.setattr(Queue, "lose", losing)
    removed: list[Any] = []

    def remove(_: float) -> None:
        if begun.exists() and not removed:
            removed.append(spare)
            cluster.remove_node(spare, allow_graceful=False)

    summary = run(RayEngine(address=cluster.address), 5, on_fraction=remove)
    assert len(removed) == len(lost) == 1
    assert [outcome.status for outcome in summary.outcomes] == ["done"] * 5
    assert recorded() == NAMES
    assert not list(Path("out").glob(".stylecli-*"))


@pytest.fixture
def program() -> Iterator[Any]:
    """The program with a Ray of its own, as a process that has nothing to do with this one."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        words = ["batch", "content.png", "--style", "style.png", "-o", "out", "--engine", "ray"]
        command = [sys.executable, "-m", "stylecli", *words, "--size", "32", *options]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def test_a_ray_of_its_own(program: Any) -> None:
    process = program("--iterations", "2", "--json")
    out, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    report = json.loads(out)
    assert (report["done"], report["failed"]) == (1, 0)
    assert [line for line in told.decode().splitlines() if "done" not in line] == [
        "Loading PyTorch",
        "Starting Ray",
    ]


def test_stopped(program: Any) -> None:
    """Ray would end the program with code 15, and its calls garble what a signal raises."""
    process = program("--iterations", "100000")
    for line in process.stderr:
        if b"of 1 done" in line:  # said when there is work
            break
    time.sleep(0.5)  # most likely in the middle of such a call, then
    process.terminate()
    _, told = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    assert told == b"stylize: stopped by SIGTERM.\n"


def wait_until(comes: Callable[[], bool]) -> None:
    for _ in range(600):
        if comes():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come")
