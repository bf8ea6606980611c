"""The core's iterations on a simulated CUDA device: nothing that a CUDA graph cannot hold."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style

from .simulated_device import (
    DEVICE,
    DeviceRules,
    descent_on_device,
    iterations,
    simulated_device,
)

PICTURE, OTHER = torch.rand(3, 80, 96), torch.rand(3, 72, 64)
MASK = (torch.arange(96.0) < 48.0).float().expand(1, 80, 96)
COMPUTE = Compute(device="cpu")
SETTINGS = Settings(size=96, iterations=6)


def requests(count: int = 1, mask: torch.Tensor | None = None, **settings: Any) -> list[Request]:
    chosen = Settings(**{"size": 96, "iterations": 6, **settings})
    styles = [Style(OTHER, mask=mask)]
    return [Request(PICTURE, styles, chosen) for _ in range(count)]


CASES: dict[str, tuple[list[Request], Compute]] = {
    "L-BFGS": (requests(), COMPUTE),
    "Adam": (requests(optimizer="adam"), COMPUTE),
    "one octave": (requests(octaves=1), COMPUTE),
    "average pooling": (requests(pooling="average"), COMPUTE),
    "zero padding": (requests(padding="zeros"), COMPUTE),
    "the paper's losses": (requests(losses="gatys"), COMPUTE),
    "a batch": (requests(2), COMPUTE),
    "a region": (requests(mask=MASK), COMPUTE),
    "tiles": (requests(), Compute(device="cpu", tile="64")),
    "total variation": (requests(tv=1.0, chroma_tv=1.0), COMPUTE),
}


@pytest.mark.parametrize("name", CASES)
def test_an_iteration_can_be_captured(name: str) -> None:
    """No wait, no copy from or to the host, and the same allocations every time."""
    made, compute = CASES[name]
    settings = made[0].settings
    encoder = load_encoder("compact", pooling=settings.pooling, padding=settings.padding)
    with simulated_device():
        first, second, third = iterations(descent_on_device(made, encoder, compute), 3)
    assert len(second) > 100
    assert first == second == third


BROKEN: dict[str, tuple[Callable[[torch.Tensor], object], str]] = {
    "a value that is asked for": (lambda x: x.sum().item(), "waits"),
    "a choice by value": (lambda x: bool((x > 0).any()), "waits"),
    "a shape that depends on values": (lambda x: x[x > 0], "waits"),
    "a constant from the host": (lambda x: x + torch.tensor([1.0, 2.0], device=DEVICE), "copies"),
    "a copy to the host": (lambda x: x.cpu(), "copies"),
    "float64": (lambda x: x.double(), "float64"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_can_be_broken(name: str) -> None:
    body, expected = BROKEN[name]
    with simulated_device():
        x = torch.zeros(2, device=DEVICE)
        with pytest.raises(AssertionError, match=expected), DeviceRules(float64=False):
            body(x)


def test_mixed_devices_are_refused() -> None:
    with simulated_device(), DeviceRules(), pytest.raises((AssertionError, RuntimeError)):
        torch.zeros(2, device=DEVICE) + torch.zeros(2)


def test_an_allocation_that_differs_is_seen() -> None:
    made = []
    with simulated_device():
        for count in (1, 2):
            with DeviceRules() as rules:
                torch.zeros(count, device=DEVICE) + 1.0
            made.append(rules.made)
    assert made[0] != made[1]
