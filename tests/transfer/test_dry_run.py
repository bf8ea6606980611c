import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError, MemoryLimitError, UsageError
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style, plan_run, stylize

CPU = Compute(device="cpu", precision="fp32")
SHORT = Compute(device="cpu", max_memory="1G")


def request_of(size: tuple[int, int], settings: Settings, scale: float = 1.0) -> Request:
    return Request(torch.rand(3, *size), [Style(torch.rand(3, 30, 40), scale=scale)], settings)


def test_a_plan_is_what_a_run_does(compact: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecli.transfer.schedule.COARSEST", 24)
    settings = Settings(iterations=5, size=64)
    plan = plan_run(request_of((30, 40), settings), CPU, compact)
    seen = []
    result = stylize(
        torch.rand(3, 30, 40),
        torch.rand(3, 30, 40),
        settings=settings,
        compute=CPU,
        encoder=compact,
        on_progress=lambda p: seen.append((p.width, p.height, p.iterations)),
    )
    assert (plan.device, plan.precision) == (result.device, result.precision)
    planned = [(scale.width, scale.height, scale.iterations) for scale in plan.scales]
    assert planned == list(dict.fromkeys(seen))
    assert all(scale.seconds > 0 and scale.predicted_bytes > 0 for scale in plan.scales)


def test_tiles_and_limits_show_in_the_plan(compact: Encoder) -> None:
    settings = Settings(size=3000)
    free, tiled = (
        plan_run(request_of((300, 400), settings), compute, compact).scales[-1]
        for compute in (
            Compute(device="cpu", tile="off", max_memory="500G"),
            Compute(device="cpu", tile="512", max_memory="500G"),
        )
    )
    assert (free.tile, tiled.tile) == (None, 512)
    assert tiled.predicted_bytes < free.predicted_bytes


def test_a_plan_fails_as_the_run_would(compact: Encoder) -> None:
    with pytest.raises(MemoryLimitError, match="--size"):
        plan_run(request_of((300, 400), Settings(size=4000)), SHORT, compact)
    with pytest.raises(InputError, match="5x4 pixels"):
        plan_run(request_of((4, 5), Settings()), CPU, compact)
    unknown = Settings(style_layers=(("relu9_9", 1.0),))
    with pytest.raises(UsageError, match="unknown layer"):
        plan_run(request_of((40, 50), unknown), CPU, compact)
