"""cuDNN's fused convolution where it is not to be had, or refuses."""

from typing import Any

import pytest
import torch

from stylecli.encoder import kernels
from stylecli.encoder.fused import has_convolution_relu
from stylecli.encoder.kernels import Convolution

CPU = torch.device("cpu")


def test_a_build_or_device_without_it_is_seen_at_construction() -> None:
    assert not has_convolution_relu(CPU, torch.float32)
    if not torch.cuda.is_available():
        assert not has_convolution_relu(torch.device("cuda"), torch.bfloat16)


@pytest.fixture
def convolution(monkeypatch: pytest.MonkeyPatch) -> Convolution:
    """One that believes it has cuDNN's."""
    monkeypatch.setattr(kernels, "has_fused_convolution", lambda *_: False)
    monkeypatch.setattr(kernels, "has_convolution_relu", lambda *_: True)
    weight = torch.rand(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return Convolution(weight, torch.rand(4) - 0.5, torch.float32)


def refuse(words: str) -> Any:
    def convolution_relu(*_: object) -> torch.Tensor:
        raise RuntimeError(words)

    return convolution_relu


def test_a_shape_that_it_refuses_is_computed_without(
    convolution: Convolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "convolution_relu", refuse("CUDNN_STATUS_NOT_SUPPORTED"))
    x = torch.rand(1, 3, 6, 5)
    expected = torch.nn.functional.conv2d(x, convolution.weight, convolution.bias, padding=1)
    assert torch.equal(convolution.forward(x, relu=True), expected.relu())
    assert not convolution.ends_with_relu


def test_out_of_memory_is_no_refusal(
    convolution: Convolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "convolution_relu", refuse("CUDNN_STATUS_ALLOC_FAILED"))
    with pytest.raises(RuntimeError, match="ALLOC_FAILED"):
        convolution.forward(torch.rand(1, 3, 6, 5), relu=True)
    assert convolution.ends_with_relu
