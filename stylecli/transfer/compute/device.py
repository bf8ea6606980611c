"""Device and precision of a run."""

import os
from collections.abc import Mapping
from typing import Any, Final

import torch

from stylecli.errors import UsageError
from stylecli.settings import Compute, Precision

WITHOUT_FLOAT64: Final = ("mps",)  # kinds of device


def resolve_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU; a device asked for by name must be there.

    Raises `UsageError`.
    """
    if name == "auto":
        if torch.cuda.is_available() and not torch.cuda._is_in_bad_fork():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and torch.cuda._is_in_bad_fork():
        raise UsageError(
            f"device {name} cannot be used in a process forked after its first use: start "
            "processes by the method 'spawn', or use --device cpu."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name} is not available: torch sees {torch.cuda.device_count()} CUDA "
            "device(s); use --device auto or cpu."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device mps is not available on this machine; use --device auto or cpu.")
    return device


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """`auto` is bf16 where it is faster, float32 elsewhere."""
    if precision == "auto":
        return torch.bfloat16 if has_fast_bf16(device) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def wide_device(device: torch.device) -> torch.device:
    """Where float64 of a computation on `device` lives: there, or on the CPU if it has none."""
    return torch.device("cpu") if device.type in WITHOUT_FLOAT64 else device


def placed(
    saved: Mapping[str, torch.Tensor], namesakes: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Copies of tensors, each on the device of its namesake; where there is none, on its own."""
    return {
        name: value.to(namesakes.get(name, value).device, copy=True)
        for name, value in saved.items()
    }


def precision_name(dtype: torch.dtype) -> str:
    """`fp32` or `bf16`, as the command line calls them."""
    return {torch.float32: "fp32", torch.bfloat16: "bf16"}.get(dtype, str(dtype))


def resolve(compute: Compute) -> tuple[torch.device, torch.dtype]:
    """Device and feature precision for a run."""
    device = resolve_device(compute.device)
    return device, resolve_precision(compute.precision, device)


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than float32 there, by the ratios in `benchmarks/README.md`."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    # Of what was measured AMX alone is faster: with the bf16 instructions of AVX-512 bf16 is not,
    # and without any oneDNN emulates it. Arm and AMD's processors were not measured.
    onednn: Any = torch.backends.mkldnn  # has no types
    with_onednn = bool(onednn.is_available() and onednn.enabled)
    return with_onednn and bool(torch.cpu._is_amx_tile_supported()) and _onednn_may_use_amx()


def _onednn_may_use_amx() -> bool:
    """Whether the limit that oneDNN reads from the environment leaves AMX."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA", "")
    return limit.upper() in ("", "ALL", "DEFAULT") or "AMX" in limit.upper()
