"""The core's iterations on a simulated CUDA device: nothing that a CUDA graph cannot hold."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_map

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.recognition.metric import PerceptualMetric
from stylecli.settings import Compute, Padding, Pooling, Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.compute import device
from stylecli.transfer.optim.loop import Descent

from .simulated_device import (
    DEVICE,
    DeviceRules,
    any_value,
    descent_on_device,
    iterations,
    simulated_device,
)

PICTURE, OTHER = torch.rand(3, 64, 72), torch.rand(3, 64, 48)
LEFT = (torch.arange(72.0) < 36.0).float().expand(1, 64, 72)
OTHERS_LEFT = (torch.arange(48.0) < 24.0).float().expand(1, 64, 48)
COMPUTE = Compute(device="cpu")
TILED = Compute(device="cpu", tile="64")


# Of all kinds of layers one: what takes time here is the number of operators.
SHALLOW: Mapping[str, Any] = {
    "octaves": 2,
    "content_layers": (("relu2_1", 1.0),),
    "style_layers": (("relu1_1", 0.5), ("relu2_1", 0.5)),
}
REGIONS = {"regions": (LEFT, 1.0 - LEFT)}


def request(*styles: Style, given: Mapping[str, Any] | None = None, **settings: Any) -> Request:
    chosen = Settings(**{"size": 72, "iterations": 6, **SHALLOW, **settings})
    return Request(PICTURE, styles or (Style(OTHER),), chosen, **(given or {}))


CASES: dict[str, tuple[Request, ...]] = {
    "L-BFGS": (request(),),
    "all layers": (request(octaves=None, content_layers=None, style_layers=None),),
    "Adam": (request(optimizer="adam"),),
    "average pooling": (request(pooling="average"),),
    "the paper's losses, zero padding": (request(losses="gatys", padding="zeros"),),
    "a batch": (request(), request()),
    "a blend, total variation": (request(Style(OTHER), Style(OTHER.flip(2), 0.5, 0.8), tv=1.0),),
    "regions": (
        request(Style(OTHER, mask=OTHERS_LEFT), Style(OTHER.flip(2), region=1), given=REGIONS),
    ),
    "a mask that keeps content": (request(Style(OTHER, region=1), given=REGIONS),),
    "alpha": (request(given={"visible": LEFT}),),
    "tiles": (request(size=80),),
}


@functools.cache
def encoder_for(pooling: Pooling, padding: Padding) -> Encoder:
    return load_encoder("compact", pooling=pooling, padding=padding)


@contextlib.contextmanager
def simulated_descent(name: str) -> Iterator[Descent]:
    """A case's descent, while there is the simulated device."""
    made = list(CASES[name])
    settings = made[0].settings
    encoder = encoder_for(settings.pooling, settings.padding)
    with simulated_device():
        yield descent_on_device(made, encoder, TILED if name == "tiles" else COMPUTE)


@pytest.mark.parametrize("name", CASES)
def test_an_iteration_can_be_captured(name: str) -> None:
    """No wait, no copy from or to the host, and the same allocations every time.

    What is made once, such as constants of the device, is made in the first, before a capture.
    """
    with simulated_descent(name) as descent:
        _, second, third = iterations(descent, 3)
    assert len(second) > 100
    assert second == third


@pytest.mark.parametrize("name", ["L-BFGS", "Adam"])
def test_a_resumed_iteration_is_as_any_other(name: str) -> None:
    """A state from the host goes to the device, each part where the run's own was."""
    with simulated_descent(name) as descent:
        _, expected = iterations(descent, 2)
        descent.load_state_dict(on_host(descent.state_dict()))
        (resumed,) = iterations(descent, 1)
    assert resumed == expected


def on_host(state: Any) -> Any:
    return tree_map(lambda x: x.cpu(), state)


@pytest.fixture
def without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated device is one like MPS."""
    monkeypatch.setattr(device, "WITHOUT_FLOAT64", (DEVICE.type,))


@pytest.mark.usefixtures("without_float64")
@pytest.mark.parametrize("name", ["L-BFGS", "Adam"])
def test_an_iteration_without_float64(name: str) -> None:
    with simulated_descent(name) as descent:
        iterations(descent, 1, float64=False, captured=False)
        descent.load_state_dict(on_host(descent.state_dict()))
        iterations(descent, 1, float64=False, captured=False)


@pytest.mark.usefixtures("without_float64")
@pytest.mark.parametrize("channels", [3, 4])
def test_pictures_are_compared_without_float64(channels: int) -> None:
    encoder = encoder_for("max", "replicate")
    with simulated_device(), any_value():
        one, other = (torch.cat([x, x])[:channels] for x in (PICTURE, OTHER))
        metric = PerceptualMetric(encoder, DEVICE)
        with DeviceRules(float64=False, captured=False) as rules:
            metric.distances(one, other, 64)
    assert len(rules.made) > 50


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
