"""The engine on Ray: real clusters on this machine, whose machines share nothing, fail or go."""

import contextlib
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

from stylecli.batch import ray_actor, ray_driver
from stylecli.batch.manifest import NAME, Manifest, read_manifest
from stylecli.batch.planning import BatchPlan, BatchRequest, plan_batch
from stylecli.batch.pool import SerialEngine
from stylecli.batch.ray_driver import RayDriver
from stylecli.batch.ray_engine import RayEngine
from stylecli.batch.runner import Summary, run_batch
from stylecli.batch.scheduling import ClusterOptions
from stylecli.errors import UsageError

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.ray
CONNECT = socket.socket.connect
PATIENCE = 600  # seconds for a program, on a computer that has other work
NAMES = [f"out/{i}.png" for i in range(5)]
ELSEWHERE = Path("/proc/self/cwd")  # a folder that every process sees as another


def started() -> Any:
    """Two machines of one core each, the first of which is the head."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    with_machine(cluster, include_dashboard=False)
    with_machine(cluster)
    return cluster


def with_machine(cluster: Any, cpus: int = 1, **options: Any) -> Any:
    """Another machine of the cluster."""
    for _ in range(5):  # Ray ends one whose agents take more than 15 seconds on a busy computer
        with contextlib.suppress(Exception):
            return cluster.add_node(num_cpus=cpus, **options)
    return cluster.add_node(num_cpus=cpus, **options)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        whole = started()
        yield whole
        whole.shutdown()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, content_path: Path, style_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray_driver, "HEARTBEAT", 0.2)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)  # a cluster has no loopback address


def planned(count: int, folder: Path = Path(), out: str = "out") -> BatchPlan:
    """Jobs that cannot be made together, with outputs 0, 1, and so on."""
    lines = [
        json.dumps(
            {
                "content": str(folder / "content.png"),
                "style": str(folder / "style.png"),
                "iterations": 2,
                "size": 32 + 2 * i,
                "output": f"{i}.png",
            }
        )
        for i in range(count)
    ]
    root = Path("/") if folder.is_absolute() else folder
    return plan_batch(BatchRequest(folder=Path(out), lines=lines, root=root))


def run(engine: Any, count: int, folder: Path = Path(), out: str = "out", **extra: Any) -> Summary:
    jobs = planned(count, folder, out).jobs
    return run_batch(jobs, engine, Manifest(Path(out)), **extra)


class InThisProcess:
    """The driver without its process, so that a test can replace what its actors do."""

    def __init__(self, cluster: Any, hear: Callable[[str], None] = lambda _: None, **options: Any):
        self.cluster, self.hear, self.options = cluster, hear, ClusterOptions(**options)
        self.said: list[str] = []

    def run(self, groups: Any, *, on_fraction: Any) -> Any:
        ended = []

        def send(kind: str, value: Any = None) -> None:
            if kind == "ended":
                ended.append(value)
            elif kind == "say":
                self.said.append(value)
                self.hear(value)
            elif kind == "fraction":
                on_fraction(value)

        if not (joined := ray.is_initialized()):
            ray.init(self.cluster.address, log_to_driver=False, logging_level="ERROR")
        try:
            RayDriver(ray, self.options, groups, send).run(1.0)
        finally:
            if not joined:
                ray.shutdown()
        yield from ended


def replaced(monkeypatch: Any, **methods: Any) -> None:
    """Other methods for the actors; by value, since machines know nothing of this file."""
    kind = type("StyleActor", (ray_actor.StyleActor,), methods)
    monkeypatch.setattr(ray_actor, "StyleActor", kind)


def recorded() -> list[str]:
    return sorted(str(line["output"]) for line in read_manifest(Path("out", NAME)))


def statuses(summary: Summary) -> list[str]:
    return [outcome.status for outcome in summary.outcomes]


def test_nothing_is_shared_and_the_bytes_are_the_same(cluster: Any, tmp_path: Path) -> None:
    said: list[str] = []
    shares: list[float] = []
    engine = RayEngine(ClusterOptions(cluster.address), on_message=said.append)
    summary = run(engine, 3, ELSEWHERE, on_fraction=shares.append)
    assert statuses(summary) == ["done"] * 3 and recorded() == NAMES[:3]
    assert all(outcome.seconds and outcome.distances for outcome in summary.outcomes)
    assert said[0] == f"Joining the Ray cluster at {cluster.address}"
    (note,) = said[1:]
    assert "does not see the input files: they are sent through Ray" in note
    assert not ray.is_initialized() and 0.0 in shares
    run(SerialEngine(), 3, out="local")
    for i in range(3):
        assert Path(f"out/{i}.png").read_bytes() == Path(f"local/{i}.png").read_bytes()


def test_a_connection_that_was_there_stays(cluster: Any) -> None:
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        assert run(RayEngine(), 1).count("done") == 1
        assert ray.is_initialized()
        wait_until(lambda: ray.available_resources().get("CPU") == 2)  # its actors are gone
    finally:
        ray.shutdown()


def test_a_job_that_kills_its_worker_fails_alone(
    cluster: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Another is lost once, when it is made: it is made and measured again."""
    work, once = ray_actor.StyleActor.work, tmp_path / "once"

    def die(self: Any, group: Any, files: Any, share: int) -> Any:
        name = group.jobs[0].output.name
        if name == "1.png":
            os._exit(1)
        reply = work(self, group, files, share)
        if name == "2.png" and not once.exists():
            once.touch()
            os._exit(1)
        return reply

    replaced(monkeypatch, work=die)
    engine = InThisProcess(cluster)
    summary = run(engine, 3)
    assert statuses(summary) == ["done", "failed", "done"] and recorded() == NAMES[:3]
    error = str(summary.outcomes[1].error)
    assert summary.outcomes[1].code == 7 and "was lost on " in error
    assert sum("was lost" in text for text in engine.said) == ray_driver.ATTEMPTS + 1
    assert once.exists() and summary.outcomes[2].seconds and summary.outcomes[2].distances


def test_a_failure_of_a_machine_is_tried_on_another(cluster: Any, monkeypatch: Any) -> None:
    work, weak = ray_actor.StyleActor.work, cluster.head_node.node_id

    def fail(self: Any, group: Any, files: Any, share: int) -> Any:
        import dataclasses

        reply = work(self, group, files, share)
        if ray.get_runtime_context().get_node_id() != weak:
            return reply
        lost = {"status": "failed", "code": 7, "error": "there is not enough memory."}
        made = [
            one._replace(outcome=dataclasses.replace(one.outcome, **lost), picture=None)
            for one in reply.made
        ]
        return reply._replace(made=made)

    replaced(monkeypatch, work=fail)
    engine = InThisProcess(cluster)
    summary = run(engine, 4)
    assert statuses(summary) == ["done"] * 4 and recorded() == NAMES[:4]
    assert any(text.startswith("Note: Tried on another machine: there is") for text in engine.said)


def greeting(**other: Any) -> Callable[..., Any]:
    """A greeting of which something is otherwise, on one machine or all."""
    greet = ray_actor.StyleActor.greet
    only = other.pop("only", None)

    def differ(self: Any, files: Any) -> Any:
        values = greet(self, files)
        return {**values, **other} if only in (None, values["node"]) else values

    return differ


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"code": "x", "version": "0.0.1"}, "it has stylecli 0.0.1, and here is"),
        ({"ray": "2.52.1"}, f"it has Ray 2.52.1, and here is {ray.__version__}"),
    ],
)
def test_another_version_is_left_out_by_name(
    cluster: Any, monkeypatch: Any, other: dict[str, str], told: str
) -> None:
    replaced(monkeypatch, greet=greeting(only=cluster.head_node.node_id, **other))
    engine = InThisProcess(cluster)
    assert statuses(run(engine, 2)) == ["done"] * 2
    assert any(f"is left out: {told}" in text for text in engine.said)


def test_machines_on_which_no_worker_lives(cluster: Any, monkeypatch: Any) -> None:
    replaced(monkeypatch, greet=greeting(fault="ImportError: no module named stylecli"))
    summary = run(InThisProcess(cluster), 2)
    assert isinstance(summary.error, UsageError) and summary.left == 2
    assert "no machine that can work with 1 CPU" in str(summary.error)
    assert "no module named stylecli" in str(summary.error)


def test_variables_are_carried(cluster: Any, monkeypatch: Any) -> None:
    """What it has is told as a fault."""
    greet = ray_actor.StyleActor.greet

    def tell(self: Any, files: Any) -> Any:
        spins, safe = (os.environ.get(name) for name in ("GOMP_SPINCOUNT", "PYTHONSAFEPATH"))
        return {**greet(self, files), "fault": f"{spins} spins, {safe}"}

    monkeypatch.setenv("GOMP_SPINCOUNT", "1234")
    replaced(monkeypatch, greet=tell)
    assert "(1234 spins, 1)" in str(run(InThisProcess(cluster), 1).error)


@pytest.mark.parametrize("joined", [True, False])
def test_a_runtime_environment_is_carried(
    cluster: Any, tmp_path: Path, monkeypatch: Any, joined: bool
) -> None:
    """Of the session that is there, or of `ray job submit`: here with a module that Python runs."""
    folder, seen = tmp_path / "modules", tmp_path / "seen"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"open({str(seen)!r}, 'w').close()")
    runtime_env = {"env_vars": {"PYTHONPATH": str(folder)}}
    if joined:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        ray.init(cluster.address, runtime_env=runtime_env, **quiet)
    else:
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": runtime_env}))
    try:
        assert statuses(run(RayEngine(ClusterOptions(cluster.address)), 1)) == ["done"]
    finally:
        ray.shutdown()
    assert seen.exists()


def test_the_head_is_left_out_and_cores_are_shared(cluster: Any, monkeypatch: Any) -> None:
    """Half a core is free beside another job's half; on the head nothing may run."""
    seen: list[Any] = []
    welcome = RayDriver._welcome

    def note(self: Any, handle: Any, values: Any) -> None:
        seen.append(values["node"])
        welcome(self, handle, values)

    monkeypatch.setattr(RayDriver, "_welcome", note)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        kind = ray.remote(num_cpus=0.5)(type("Other", (), {"lives": lambda self: True}))
        others = [kind.remote() for _ in range(2)]
        ray.get([other.lives.remote() for other in others])
        assert statuses(run(InThisProcess(cluster, cpus=0.5, skip_head=True), 2)) == ["done"] * 2
    finally:
        ray.shutdown()
    assert seen and cluster.head_node.node_id not in seen


def test_a_cluster_that_is_busy(cluster: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray_driver, "PATIENCE", 0.5)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        kind = ray.remote(num_cpus=1)(type("Other", (), {"lives": lambda self: True}))
        others = [kind.remote() for _ in range(2)]
        ray.get([other.lives.remote() for other in others])

        def hear(text: str) -> None:
            while others:  # they end when it is said for the first time
                ray.kill(others.pop())

        engine = InThisProcess(cluster, hear)
        assert run(engine, 2).count("done") == 2
        wanted = "1 CPU and 0.8 GiB of memory: all are in use"
        assert engine.said[0] == f"Waiting for a machine of the Ray cluster with {wanted}"
    finally:
        ray.shutdown()


def test_an_autoscaler_sees_the_demand(cluster: Any, monkeypatch: Any) -> None:
    """No machine has two cores; the demand brings one."""
    from ray.autoscaler.v2.sdk import get_cluster_resource_state

    monkeypatch.setattr(ray_driver, "PATIENCE", 0.5)
    wanted: list[dict[str, float]] = []
    brought: list[Any] = []

    def pending() -> list[dict[str, float]]:
        state = get_cluster_resource_state(ray._raylet.GcsClient(address=cluster.address))
        return [dict(one.request.resources_bundle) for one in state.pending_resource_requests]

    def hear(text: str) -> None:
        if "none has that; an autoscaler may bring one" in text and not brought:
            wait_until(lambda: bool(pending()))
            wanted.extend(pending())
            brought.append(with_machine(cluster, 2))

    engine = InThisProcess(cluster, hear, cpus=2.0)
    try:
        assert statuses(run(engine, 1)) == ["done"]
    finally:
        for node in brought:
            cluster.remove_node(node)
    (demand,) = wanted
    assert demand["CPU"] == 2 and 2**29 < demand["memory"] < 2**31


def test_a_machine_that_joins_in_the_middle_is_used(
    cluster: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The others wait for it to begin."""
    begun, make = tmp_path / "begun", ray_actor.StyleActor.work
    known = {node["NodeID"] for node in cluster_nodes(cluster)}

    def work(self: Any, group: Any, files: Any, share: int) -> Any:
        if ray.get_runtime_context().get_node_id() not in known:
            begun.touch()
        for _ in range(1200):
            if begun.exists():
                break
            time.sleep(0.1)
        return make(self, group, files, share)

    replaced(monkeypatch, work=work)
    joined: list[Any] = []

    def join(_: float) -> None:
        if not joined:
            joined.append(with_machine(cluster))

    try:
        assert statuses(run(InThisProcess(cluster), 4, on_fraction=join)) == ["done"] * 4
    finally:
        for node in joined:
            cluster.remove_node(node)
    assert begun.exists()


def cluster_nodes(cluster: Any) -> Any:
    """Its living machines, as `ray.nodes` lists them."""
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        return [node for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


def test_a_machine_is_lost_in_the_middle(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = with_machine(cluster)
    place, begun, make = spare.node_id, tmp_path / "begun", ray_actor.StyleActor.work

    def work(self: Any, group: Any, files: Any, share: int) -> Any:
        """Never ends on the machine that is lost; elsewhere it waits for it to begin."""
        if ray.get_runtime_context().get_node_id() == place:
            begun.touch()
            time.sleep(600)
        while not begun.exists():
            time.sleep(0.05)
        return make(self, group, files, share)

    replaced(monkeypatch, work=work)
    removed: list[Any] = []

    def remove(_: float) -> None:
        if begun.exists() and not removed:
            removed.append(spare)
            cluster.remove_node(spare, allow_graceful=False)

    engine = InThisProcess(cluster)
    assert statuses(run(engine, 5, on_fraction=remove)) == ["done"] * 5
    assert len(removed) == 1 and sum("was lost" in text for text in engine.said) == 1
    assert recorded() == NAMES
    assert not list(Path("out").glob(".stylecli-*"))


@pytest.mark.parametrize("listens", [False, True])
def test_no_cluster(listens: bool) -> None:
    """A port that is closed, or another service's, which says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1] if listens else 1}"
        summary = run(RayEngine(ClusterOptions(address)), 1)
    assert isinstance(summary.error, UsageError) and summary.exit_code == 2
    assert f"cannot join a Ray cluster at {address}: " in str(summary.error)
    assert summary.left == 1


@pytest.fixture
def program() -> Iterator[Any]:
    """The program as a process that has nothing to do with this one."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "stylecli", *words, "--engine", "ray", "--size", "32"]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


BATCH = ("batch", "content.png", "--style", "style.png", "-o", "out")


def test_the_head_dies(program: Any) -> None:
    """One picture is there by then, and recorded; the other would never end."""
    lines = (
        {"iterations": 2, "output": "0.png"},
        {"iterations": 10000, "output": "1.png", "seed": 2},
    )
    common = {"content": "content.png", "style": "style.png"}
    Path("list.txt").write_text("\n".join(json.dumps({**common, **line}) for line in lines))
    cluster = started()
    try:
        address = ("--ray-address", cluster.address, "--json")
        process = program("batch", "--from-file", "list.txt", "-o", "out", *address)
        wait_until(lambda: Path("out", NAME).exists() and bool(recorded()))
        cluster.head_node.all_processes["gcs_server"][0].process.kill()
        out, told = process.communicate(timeout=PATIENCE)
    finally:
        cluster.shutdown()
    report = json.loads(out)
    assert process.returncode == 3
    assert (report["done"], report["left"]) == (1, 1)
    assert "Ray cluster" in report["error"] and "--skip-existing" in report["error"]
    assert f"stylize: error: {report['error']}".encode() in told and b"1 left" in told
    assert recorded() == NAMES[:1]


@pytest.fixture
def guarded() -> Iterator[str]:
    """The address of a cluster that asks for a token, `right`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "1"]
    words += ["--port", str(port), "--node-ip-address", "127.0.0.1", "--include-dashboard=false"]
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "right" * 8}
    head = subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    try:
        wait_until(listens)
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()
        head.wait()


@pytest.mark.parametrize("place", ["guarded", "closed", "http://127.0.0.1:8265"])
def test_no_way_in(program: Any, place: str, request: Any, monkeypatch: Any) -> None:
    """A wrong token, or a wrong address: the reason everywhere, and what failed before it."""
    address = {"guarded": "", "closed": "127.0.0.1:1"}.get(place, place)
    if place == "guarded":
        address = request.getfixturevalue("guarded")
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong" * 8)
    Path("list.txt").write_text("content.png\ngone.png\n")
    words = ("--from-file", "list.txt", "--style", "style.png", "-o", "out", "--json")
    out, told = program("batch", *words, "--ray-address", address).communicate(timeout=PATIENCE)
    report = json.loads(out)
    assert (report["failed"], report["left"]) == (1, 1)
    assert read_manifest(Path("out", NAME))[0]["content"] == "gone.png"
    error = report["error"]
    assert told.decode().count(f"stylize: error: {error}\n") == 1
    assert "Batch: 0 done, 0 kept, 1 failed, 1 left" in told.decode()
    reason = {"guarded": "oken", "closed": "refused"}.get(place, "HOST:PORT of its head")
    assert address in error and reason in error and "Traceback" not in told.decode()


@pytest.mark.parametrize(
    "words", [BATCH, ("sweep", "content.png", "style.png", "-o", "out", "--seed", "1,2")]
)
def test_a_ray_of_its_own(program: Any, words: tuple[str, ...]) -> None:
    process = program(*words, "--iterations", "2", "--json")
    out, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    report = json.loads(out)
    assert (report["done"], report["failed"]) == (1 + (words[0] == "sweep"), 0)
    lines = told.decode().splitlines()
    assert lines[:2] == ["Loading PyTorch", "Starting Ray"]
    assert all("done" in line or "Sweep" in line for line in lines[2:])


def test_stopped(program: Any) -> None:
    """Ray would end the program with code 15, and its calls garble what a signal raises."""
    process = program(*BATCH, "--iterations", "10000")
    for line in process.stderr:
        if b"of 1 done" in line:  # said when there is work
            break
    time.sleep(0.5)  # most likely in the middle of a call, then
    process.terminate()
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM
    assert told == b"stylize: stopped by SIGTERM.\n"


def wait_until(comes: Callable[[], bool]) -> None:
    for _ in range(1200):
        if comes():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come")
