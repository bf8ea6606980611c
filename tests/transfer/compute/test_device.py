import pytest
import torch

from stylecli.errors import UsageError
from stylecli.settings import Compute
from stylecli.transfer.compute import device as module
from stylecli.transfer.compute.device import (
    precision_name,
    resolve,
    resolve_device,
    resolve_precision,
)

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One with nothing but a CPU without AMX."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", False)
    return monkeypatch


def with_cuda(machine: pytest.MonkeyPatch, capability: tuple[int, int], count: int = 1) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: count)
    machine.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)


def test_auto_is_the_best_there_is(machine: pytest.MonkeyPatch) -> None:
    assert resolve_device("auto") == CPU
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == MPS
    with_cuda(machine, (9, 0))
    assert resolve_device("auto") == CUDA


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_a_device_that_is_not_there(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(UsageError, match=f"^device {name} is not available.*--device auto or cpu"):
        resolve_device(name)


def test_a_device_past_the_last(machine: pytest.MonkeyPatch) -> None:
    with_cuda(machine, (9, 0), count=2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UsageError, match=r"sees 2 CUDA device"):
        resolve_device("cuda:2")


def test_auto_precision_is_bf16_where_it_is_faster(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)  # not enough
    assert resolve_precision("auto", CPU) == torch.float32
    assert resolve_precision("auto", MPS) == torch.float32
    machine.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert resolve_precision("auto", CPU) == torch.bfloat16
    machine.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert resolve_precision("auto", CPU) == torch.float32
    with_cuda(machine, (7, 5))
    assert resolve_precision("auto", CUDA) == torch.float32
    with_cuda(machine, (8, 0))
    assert resolve_precision("auto", CUDA) == torch.bfloat16


def test_a_precision_asked_for_is_taken(machine: pytest.MonkeyPatch) -> None:
    assert resolve_precision("fp32", CPU) == torch.float32
    assert resolve_precision("bf16", CPU) == torch.bfloat16
    assert resolve(Compute(device="cpu", precision="bf16")) == (CPU, torch.bfloat16)
    assert resolve(Compute()) == (CPU, torch.float32)


def test_precisions_have_the_names_of_the_command_line() -> None:
    assert module.precision_name(torch.float32) == "fp32"
    assert [precision_name(t) for t in (torch.bfloat16, torch.float64)] == ["bf16", "torch.float64"]


@pytest.mark.parametrize(
    ("variable", "limit", "precision"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2", torch.float32),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", torch.float32),
        ("DNNL_MAX_CPU_ISA", "avx512_core", torch.float32),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", torch.bfloat16),
        ("ONEDNN_MAX_CPU_ISA", "ALL", torch.bfloat16),
    ],
)
def test_auto_precision_heeds_the_limit_of_onednn(
    machine: pytest.MonkeyPatch, variable: str, limit: str, precision: torch.dtype
) -> None:
    machine.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    machine.setenv(variable, limit)
    assert resolve_precision("auto", CPU) == precision


def test_torch_still_has_the_private_flag() -> None:
    assert isinstance(torch.cpu._is_amx_tile_supported(), bool)
