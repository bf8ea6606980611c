"""The program on a stand-in for macOS, and the core on a device that has no float64."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylecli.recognition.metric import symmetric_distance
from stylecli.transfer.compute import device
from stylecli.transfer.optim.adam import Adam
from stylecli.transfer.optim.lbfgs import LBFGS
from stylecli.transfer.optim.loop import Descent, Terms
from stylecli.transfer.optim.preconditioner import apply_preconditioner

FULL_SYNC = 51


@pytest.mark.usefixtures("content_path", "style_path")
def test_every_command(macos: Any) -> None:
    from stylecli.system import machine_name

    assert machine_name() == bytes(range(16)).hex()
    for line in (
        ("content.png", "style.png", "-o", "a.png"),
        ("batch", "content.png", "style.png", "--style", "style.png", "-o", "many"),
        ("sweep", "content.png", "style.png", "-o", "sheet", "--strength", "0.2,0.5"),
    ):
        ended = macos.run(*line)
        assert ended.code == 0, (line, ended.err)
    assert len(Path("many", "manifest.jsonl").read_bytes().splitlines()) == 2
    assert set(macos.calls) == {FULL_SYNC}


class WithoutFloat64(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses float64 on the stand-in's device, as MPS does; fakes refuse to mix devices."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, torch.Tensor) and value.device.type == "cuda":
                assert value.dtype != torch.float64, f"{func} in float64 on the device"
        return result


@pytest.fixture
def no_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`cuda` is a device of fake tensors without float64: torch has no such fakes of MPS."""
    monkeypatch.setattr(device, "WITHOUT_FLOAT64", ("cuda",))
    refused = WithoutFloat64()  # type: ignore[no-untyped-call]
    with FakeTensorMode(allow_non_fake_inputs=True), refused:
        yield


@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(apply_preconditioner, 3)])
def test_optimizers(no_float64: None, optimizer: Any) -> None:
    def evaluate(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        loss = image.square().sum((1, 2, 3))
        return Terms(loss, loss, loss, loss), 2 * image

    descent = Descent(torch.full((2, 3, 16, 24), 0.5, device="cuda"), evaluate, optimizer)
    for _ in range(3):
        descent.iterate()
    saved = descent.state_dict()
    descent.load_state_dict(
        {**saved, "optimizer": {name: each.cpu() for name, each in saved["optimizer"].items()}}
    )
    descent.iterate()
    wide = {each.device.type for each in optimizer.state.values() if each.dtype == torch.float64}
    assert wide == {"cpu"} and descent.image.device.type == "cuda"


def test_the_metric(no_float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "__float__", lambda value: float(value.ndim))  # no values
    features = torch.ones(2, 3, device="cuda")
    assert symmetric_distance(features, features) == 0.0
