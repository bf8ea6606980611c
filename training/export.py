"""Export: the student's convolutions as float16 safetensors, keyed as torchvision's VGG-19."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save

from stylecli.errors import WeightsError
from stylecli.output_guard import OutputGuard
from training.network import Network

MAX_ROUNDING: Final = 1e-3  # relative error, ‖half − full‖ / ‖full‖


@dataclass(frozen=True)
class ExportedFile:
    """A finished weights file, and what its registry entry needs; `size` is in bytes."""

    path: Path
    size: int
    sha256: str
    widths: tuple[int, ...]


def export_network(network: Network, path: Path, guard: OutputGuard | None = None) -> ExportedFile:
    """Write `0.weight`, `0.bias`, `2.weight`, … in float16; raises as its helpers do."""
    tensors = {}
    for index, position in enumerate(network.plan.indices):
        for part, tensor in zip(("weight", "bias"), network.convolution(index), strict=True):
            tensors[f"{position}.{part}"] = to_half(tensor, f"{position}.{part}")
    content = save(tensors)
    (guard or OutputGuard(replace=True)).write_bytes(path, content)
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
