"""Extreme pictures and weights, divergence, and memory that runs out."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from stylecli.errors import InputError, MemoryLimitError, SettingsError
from stylecli.settings import Compute, Settings
from stylecli.transfer.objective import losses
from stylecli.transfer.optim.loop import Descent

from .conftest import FP32, looks_sound, same


@pytest.mark.parametrize("content_value", [0.0, 1.0])
@pytest.mark.parametrize("style_value", [0.0, 1.0])
@pytest.mark.parametrize("init", ["random", "content"])
def test_black_and_white_pictures(
    paint: Any, content_value: float, style_value: float, init: str
) -> None:
    flat = torch.full((3, 32, 32), content_value), torch.full((3, 32, 32), style_value)
    for precision in ("fp32", "bf16"):
        compute = Compute(device="cpu", precision=precision)
        result = paint(flat[0], flat[1], compute, init=init)
        assert looks_sound(result.image)
        assert math.isfinite(result.losses.total)
        if init == "content" and content_value == style_value:
            assert torch.equal(result.image, flat[0])


HUGE = 1e12
EXTREMES: list[dict[str, Any]] = [
    {"alpha": HUGE},
    {"beta": HUGE},
    {"tv": HUGE},
    {"chroma_tv": HUGE},
    {"alpha": HUGE, "beta": HUGE, "tv": HUGE, "chroma_tv": HUGE},
    {"alpha": HUGE, "beta": HUGE, "losses": "gatys"},
    {"alpha": HUGE, "losses": "gatys", "content_layers": (("relu3_3", HUGE),)},
    {"beta": HUGE, "style_layers": (("relu1_1", HUGE), ("relu2_1", 1e-12))},
    {"alpha": 1e-30, "beta": 1e-30, "chroma_tv": 0.0},
    {"learning_rate": 10.0},
    {"learning_rate": 1e-6},
    {"optimizer": "adam", "learning_rate": 10.0},
    {"optimizer": "adam", "alpha": HUGE, "losses": "gatys"},
]


@pytest.mark.parametrize("settings", EXTREMES, ids=str)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_extremes_give_a_sound_picture_or_a_clear_refusal(
    paint: Any, settings: dict[str, Any], precision: str
) -> None:
    compute = Compute(device="cpu", precision=precision)  # type: ignore[arg-type]
    try:
        result = paint(iterations=10, compute=compute, **settings)
    except InputError as error:
        assert "not finite" in str(error)
    else:
        assert looks_sound(result.image)
        assert all(math.isfinite(x) for pair in result.pyramid for x in pair)


@pytest.mark.parametrize("exponent", [-30, 20, 36])
def test_only_the_ratio_of_the_weights_matters(paint: Any, exponent: int) -> None:
    """A power of two on all of them changes no bit of the picture."""
    names = {"alpha": 1.0, "beta": 12.0, "chroma_tv": 5.0}
    scaled = {name: value * 2.0**exponent for name, value in names.items()}
    expected, found = paint(iterations=15, **names), paint(iterations=15, **scaled)
    assert same(found, expected)
    assert found.losses.total == expected.losses.total * 2.0**exponent


def test_weights_beyond_the_range_are_refused() -> None:
    for name in ("alpha", "beta", "tv", "chroma_tv", "learning_rate"):
        for value in (1e300, math.inf, math.nan, -1.0):
            with pytest.raises(SettingsError, match=f"^{name} must be a number from"):
                Settings.from_dict({name: value})


def test_a_loss_that_is_never_finite_is_an_error(
    paint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stylecli.transfer.objective.losses.total_variation_gradient",
        lambda image: image * math.nan,
    )
    with pytest.raises(InputError, match="^the losses are not finite.*smaller --alpha"):
        paint()


def test_a_divergence_is_survived_and_told(paint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = losses.total_variation_gradient, 0

    def sometimes(image: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return real(image) * (math.nan if calls in (3, 4) else 1.0)

    monkeypatch.setattr(losses, "total_variation_gradient", sometimes)
    result = paint(iterations=8)
    assert result.notes == ("The optimizer diverged 2 time(s) and went on from its best image.",)
    assert math.isfinite(result.losses.total) and looks_sound(result.image)


def test_running_out_of_memory_falls_back_to_leaner_plans(
    paint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def hungry(*args: Any, **kwargs: Any) -> Descent:
        attempts.append(args)
        if len(attempts) < 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 byte")
        return Descent(*args, **kwargs)

    monkeypatch.setattr("stylecli.transfer.coarse_to_fine.Descent", hungry)
    assert looks_sound(paint().image)
    assert len(attempts) == 3


def test_memory_that_runs_out_with_every_plan(paint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("stylecli.transfer.coarse_to_fine.Descent", hungry)
    with pytest.raises(MemoryLimitError, match="64x48 pixels with every plan: use --size 32"):
        paint()


def test_any_other_runtime_error_is_not_hidden(paint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("stylecli.transfer.coarse_to_fine.Descent", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        paint()


def test_a_memory_limit_too_small_for_anything(paint: Any) -> None:
    with pytest.raises(MemoryLimitError, match="64x48 pixels need about .* 1 MiB allowed"):
        paint(compute=replace(FP32, max_memory="1M"))


def test_a_finished_picture_is_not_lost_to_its_report(
    paint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that others take in the meantime costs the pyramid's figures, not the picture."""
    monkeypatch.setattr("stylecli.transfer.evaluation.memory_limit", lambda *_: 1)
    assert looks_sound(paint().image)
