"""The core on a real CUDA device; skipped where there is none."""

from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Result, Style
from stylecli.transfer import coarse_to_fine as core
from stylecli.transfer.compute import cuda_graph
from stylecli.transfer.compute.cuda_graph import GraphReplay
from stylecli.transfer.stylization import stylize_batch

pytestmark = pytest.mark.gpu

SETTINGS = Settings(size=160, iterations=24)
CUDA = Compute(device="cuda", precision="fp32")


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[GraphReplay]:
    """Each scale's, in order."""
    made: list[GraphReplay] = []

    class Kept(GraphReplay):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(core, "GraphReplay", Kept)
    return made


@pytest.fixture
def run(compact: Encoder, content: torch.Tensor, style: torch.Tensor) -> Any:
    def run(compute: Compute = CUDA, settings: Settings = SETTINGS, **more: Any) -> Result:
        request = Request(content, [Style(style)], settings)
        (result,) = stylize_batch([request], compute=compute, encoder=compact, **more)
        return result

    return run


def assert_alike(one: Result, other: Result, tolerance: float) -> None:
    torch.testing.assert_close(one.image, other.image, rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_captured_run_is_the_eager_one(
    run: Any,
    replays: list[GraphReplay],
    monkeypatch: pytest.MonkeyPatch,
    optimizer: Any,
    precision: Any,
) -> None:
    settings = Settings(size=160, iterations=24, optimizer=optimizer)
    compute = Compute(device="cuda", precision=precision)
    captured = run(compute, settings)
    assert replays and all(one._graph is not None for one in replays)
    assert not captured.notes
    monkeypatch.setattr(cuda_graph, "WARM_UP", 10_000)
    replays.clear()
    eager = run(compute, settings)
    assert all(one._graph is None for one in replays)
    assert_alike(captured, eager, 1e-5)


def test_it_is_the_picture_of_the_cpu(run: Any) -> None:
    """After a few iterations: rounding grows from one to the next."""
    few = Settings(size=64, iterations=8)
    assert_alike(run(CUDA, few), run(Compute(device="cpu", precision="fp32"), few), 0.02)


@pytest.mark.parametrize("index", range(max(1, torch.cuda.device_count())))
def test_any_of_several_devices(run: Any, replays: list[GraphReplay], index: int) -> None:
    """The current device stays the first."""
    result = run(Compute(device=f"cuda:{index}", precision="fp32"))
    assert all(one._graph is not None for one in replays)
    assert torch.cuda.current_device() == 0
    assert_alike(result, run(CUDA), 1e-5)


def test_resumed_in_the_middle_of_a_captured_scale(run: Any) -> None:
    states: list[Any] = []

    def keep(progress: Any) -> None:
        states.append(progress.state())

    whole = run(on_progress=keep)
    assert_alike(run(resume=states[len(states) // 2]), whole, 1e-5)


def test_tiles_are_exact(run: Any) -> None:
    few = Settings(size=160, iterations=6)
    tiled = run(Compute(device="cuda", precision="fp32", tile="64"), few)
    assert_alike(tiled, run(CUDA, few), 1e-3)


def test_out_of_memory_is_answered_by_a_leaner_plan(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Any] = []
    descend = core._descend

    def fail_first(run: Any, index: int, image: Any, plan: Any, *rest: Any) -> Any:
        plans.append(plan)
        if len(plans) == 1:
            torch.empty(2**50, device="cuda")  # raises torch.OutOfMemoryError
        return descend(run, index, image, plan, *rest)

    monkeypatch.setattr(core, "_descend", fail_first)
    assert bool(torch.isfinite(run().image).all())
    assert len(plans) > 1 and plans[1] != plans[0]
