import contextlib
from collections.abc import Iterator
from typing import ClassVar

import pytest
import torch

from stylecli.transfer.compute.cuda_graph import AHEAD, WARM_UP, GraphReplay

CPU, CUDA, SECOND = torch.device("cpu"), torch.device("cuda"), torch.device("cuda", 1)


class FakeCuda:
    """Streams and graphs that note what is done with them; a graph repeats what it recorded."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.recording = False
        self.fault: RuntimeError | None = None
        self.current = torch.device("cuda", 0)
        self.devices: list[torch.device] = []  # that were current when something was done

    def body(self) -> None:
        """An iteration: recorded while a graph is captured, run otherwise."""
        self.log.append("recorded" if self.recording else "run")
        self.devices.append(self.current)

    @contextlib.contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        before, self.current = self.current, device
        yield
        self.current = before

    def stream(self, name: str) -> "FakeStream":
        return FakeStream(self, name)

    @contextlib.contextmanager
    def on(self, stream: "FakeStream") -> Iterator[None]:
        self.log.append(f"on {stream.name}")
        yield

    @contextlib.contextmanager
    def capture(self, graph: "FakeGraph", stream: "FakeStream") -> Iterator[None]:
        assert stream.name == "side"
        self.recording = True
        try:
            yield
            if self.fault is not None:
                raise self.fault
        finally:
            self.recording = False
        graph.ready = True


class FakeStream:
    def __init__(self, cuda: FakeCuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_stream(self, other: "FakeStream") -> None:
        self.cuda.log.append(f"{self.name} waits for {other.name}")


class FakeEvent:
    waited: ClassVar[list["FakeEvent"]] = []

    def record(self) -> None:
        pass

    def synchronize(self) -> None:
        self.waited.append(self)


class FakeGraph:
    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda, self.ready = cuda, False

    def replay(self) -> None:
        assert self.ready, "a graph that was not captured"
        self.cuda.log.append("replayed")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    monkeypatch.setattr(torch.cuda, "device", fake.device)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: fake.stream("side"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: fake.stream("main"))
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(FakeEvent, "waited", [])
    monkeypatch.setattr(torch.cuda, "stream", fake.on)
    monkeypatch.setattr(torch.cuda, "graph", fake.capture)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: FakeGraph(fake))
    return fake


def warmed_up(cuda: FakeCuda) -> GraphReplay:
    replay = GraphReplay(cuda.body, CUDA)
    for _ in range(WARM_UP):
        replay()
    cuda.log.clear()
    return replay


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_other_devices_run_it_as_it_is(cuda: FakeCuda, device: str) -> None:
    replay = GraphReplay(cuda.body, torch.device(device))
    for _ in range(WARM_UP + 3):
        replay()
    assert cuda.log == ["run"] * (WARM_UP + 3)


def test_the_first_iterations_run_on_another_stream(cuda: FakeCuda) -> None:
    replay = GraphReplay(cuda.body, CUDA)
    for _ in range(WARM_UP):
        replay()
    once = ["side waits for main", "on side", "run", "main waits for side"]
    assert cuda.log == once * WARM_UP


def test_then_it_is_recorded_once_and_replayed(cuda: FakeCuda) -> None:
    """Recording runs nothing: each call is one iteration."""
    replay = warmed_up(cuda)
    for _ in range(3):
        replay()
    assert cuda.log == ["recorded", "replayed", "replayed", "replayed"]


def test_what_cannot_be_recorded_goes_on_as_before(cuda: FakeCuda) -> None:
    replay = warmed_up(cuda)
    cuda.fault = RuntimeError("operation not permitted when stream is capturing")
    for _ in range(3):
        replay()
    assert cuda.log == ["recorded", "run", "run", "run"]
    assert not replay.captures
    assert "not permitted" in str(replay.failure)


def test_everything_happens_on_the_device_of_the_run(cuda: FakeCuda) -> None:
    """On another device's stream a graph would hold nothing, and replaying it do nothing."""
    replay = GraphReplay(cuda.body, SECOND)
    for _ in range(WARM_UP + 1):
        replay()
    assert cuda.devices == [SECOND] * (WARM_UP + 1)
    assert cuda.current == torch.device("cuda", 0)


def test_the_processor_waits_for_an_iteration_before_the_last(cuda: FakeCuda) -> None:
    """A callback and a signal are then late by `AHEAD` iterations, not by a scale."""
    replay = warmed_up(cuda)
    waited = len(FakeEvent.waited)
    for _ in range(5):
        replay()
    assert len(FakeEvent.waited) == waited + 5
    assert WARM_UP + 5 - len(FakeEvent.waited) == AHEAD


def test_memory_that_runs_out_is_not_hidden(cuda: FakeCuda) -> None:
    """The caller has a leaner plan."""
    replay = warmed_up(cuda)
    cuda.fault = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        replay()
    assert cuda.log == ["recorded"]


def test_another_error_is_not_hidden(cuda: FakeCuda) -> None:
    def body() -> None:
        raise ValueError("a bug")

    for calls, device in ((1, CPU), (1, CUDA), (WARM_UP + 1, CUDA)):
        replay = GraphReplay(body, device)
        replay.calls = calls - 1
        with pytest.raises(ValueError, match="a bug"):
            replay()
