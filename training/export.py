"""Export: the student's convolutions as float16 safetensors, keyed as torchvision's VGG-19."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save

from stylecli.errors import OutputError, WeightsError
from training.network import Network

MAX_ROUNDING: Final = 1e-3  # relative error, ‖half − full‖ / ‖full‖


@dataclass(frozen=True)
class ExportedFile:
    """A finished weights file, and what its registry entry needs; `size` is in bytes."""

    path: Path
    size: int
    sha256: str
    widths: tuple[int, ...]


def export_network(network: Network, path: Path) -> ExportedFile:
    """Write `0.weight`, `0.bias`, `2.weight`, … in float16; raises as its helpers do."""
    tensors = {}
    for index, position in enumerate(network.plan.indices):
        for part, tensor in zip(("weight", "bias"), network.convolution(index), strict=True):
            tensors[f"{position}.{part}"] = to_half(tensor, f"{position}.{part}")
    content = save(tensors)
    write_bytes(path, content)
    digest = hashlib.sha256(content).hexdigest()
    return ExportedFile(path, len(content), digest, network.widths)


def to_half(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """A tensor in float16; raises `WeightsError` where that loses more than rounding."""
    full = tensor.detach().float().cpu()
    half = full.half().contiguous()
    error = float((half.float() - full).norm())
    if not error <= MAX_ROUNDING * float(full.norm()):  # false for NaN and infinity as well
        raise WeightsError(f"{name} does not fit into float16: its values are too large or small.")
    return half


def write_bytes(path: Path, content: bytes) -> None:
    """The old file or the complete new one; raises `OutputError`."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write {path}: {cause}.") from error
