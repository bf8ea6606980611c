"""Weights out of a file, checked; nothing in a file is ever executed."""

import math
import re
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

from stylecli.encoder.architecture import VGG16_BLOCKS, VGG19_BLOCKS, Plan, vgg_plan
from stylecli.encoder.torch_file import StoredTensor, read_torch_file
from stylecli.errors import MemoryLimitError, WeightsError
from stylecli.messages import reason
from stylecli.system import free_memory
from stylecli.tensor_file import check_header

MAX_CHANNELS: Final = 4096  # far past any VGG; keeps a forged shape from asking for all memory
MAX_HEADER: Final = 2**20  # bytes; that of VGG-19 has 5,000
_KEY: Final = re.compile(r"(?:features\.)?(\d{1,3}\.(?:weight|bias))")


def read_weights(path: Path, max_bytes: int | None = None) -> tuple[Plan, dict[str, torch.Tensor]]:
    """The plan that a file's keys and shapes spell, and its convolutions as float32.

    Keys of the result are torchvision's without `features.`: `0.weight` (C_out, C_in, 3, 3),
    `0.bias` (C_out,), … Classifier layers are left out. Raises `WeightsError` for a file that
    is unreadable, truncated, of another architecture, or that has NaN or infinite weights, and
    `MemoryLimitError` before anything is read that takes more than `max_bytes`, or what is free.
    """
    tensors: dict[str, Any] = {}
    for key, tensor in _read(path).items():
        if match := _KEY.fullmatch(str(key)):
            tensors[match[1]] = tensor
        elif not str(key).startswith("classifier."):
            raise _not_vgg(path, f"it holds {str(key)[:80]!r}")
    plan = _plan_of(path, tensors)
    _check_shapes(path, plan, tensors)
    _check_memory(path, tensors, max_bytes)
    return plan, {key: _float32(path, key, tensor) for key, tensor in tensors.items()}


def _read(path: Path) -> dict[Any, Any]:
    try:
        if path.suffix.lower() == ".safetensors":
            return _read_safetensors(path)
        return _read_torch_file(path)
    except OSError as error:
        raise WeightsError(f"cannot read encoder weights {path}: {reason(error)}.") from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        check_header(path, MAX_HEADER)
        with safe_open(path, "pt") as file:  # memory-mapped: the classifier is never read
            names = [name for name in file.keys() if not name.startswith("classifier.")]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} is not a complete safetensors file.") from error


def _read_torch_file(path: Path) -> dict[Any, Any]:
    try:
        return read_torch_file(path)
    except ValueError as error:
        raise WeightsError(
            f"{path} is truncated, or holds more than plain tensors, and was not loaded: use an "
            "intact file of torch.save, or a .safetensors file."
        ) from error


def _plan_of(path: Path, tensors: dict[str, Any]) -> Plan:
    """The VGG-19, or else VGG-16, whose first convolutions these are."""
    indices = {int(key.partition(".")[0]) for key in tensors}
    for blocks in (VGG19_BLOCKS, VGG16_BLOCKS):
        expected = [index for index, _ in vgg_plan(blocks).convolutions][: len(indices)]
        if indices and indices == set(expected):
            pairs = [(f"{index}.weight", f"{index}.bias") for index in expected]
            if absent := {key for pair in pairs for key in pair} - tensors.keys():
                raise _not_vgg(path, f"{min(absent)} is missing")
            return Plan(blocks, tuple(_channels(path, tensors, index) for index in expected))
    raise _not_vgg(path, f"its layers are {sorted(indices)}" if indices else "it has no layers")


def _channels(path: Path, tensors: dict[str, Any], index: int) -> int:
    weight = tensors[f"{index}.weight"]
    shape = weight.shape if isinstance(weight, torch.Tensor | StoredTensor) else ()
    count = shape[0] if len(shape) == 4 else 0
    if not 1 <= count <= MAX_CHANNELS:
        raise _not_vgg(path, f"{index}.weight is no 3x3 convolution")
    return count


def _check_shapes(path: Path, plan: Plan, tensors: dict[str, Any]) -> None:
    inputs = 3
    for (index, name), outputs in zip(plan.convolutions, plan.channels, strict=True):
        expected = {"weight": (outputs, inputs, 3, 3), "bias": (outputs,)}
        for part, shape in expected.items():
            tensor = tensors[f"{index}.{part}"]
            if not _is_plain(tensor) or tuple(tensor.shape) != shape:
                got = tuple(getattr(tensor, "shape", ()))
                raise _not_vgg(path, f"the {part} of {name} should be {shape}, is {got}")
        inputs = outputs


def _is_plain(tensor: Any) -> bool:
    """Floating point; that every element is really in the file, its reader has seen to."""
    return isinstance(tensor, torch.Tensor | StoredTensor) and tensor.dtype.is_floating_point


def _check_memory(path: Path, tensors: dict[str, Any], max_bytes: int | None) -> None:
    """Raise `MemoryLimitError` where the weights as float32 are more than may be taken."""
    sizes = [math.prod(tensor.shape) for tensor in tensors.values()]
    largest = max(math.prod(t.shape) * t.dtype.itemsize for t in tensors.values())
    need, allowed = 4 * sum(sizes) + largest, free_memory() if max_bytes is None else max_bytes
    if need > allowed:
        raise MemoryLimitError(
            f"the weights in {path} take {need / 1e6:.1f} MB, and {allowed / 1e6:.1f} MB "
            "are allowed: use a smaller encoder, or raise --max-memory."
        )


def _float32(path: Path, key: str, tensor: torch.Tensor | StoredTensor) -> torch.Tensor:
    try:
        values = tensor.read() if isinstance(tensor, StoredTensor) else tensor
    except ValueError as error:
        raise WeightsError(f"{path} is truncated, and was not loaded.") from error
    # A copy even of float32: a mapped file that shrinks later must not kill the process.
    copy = values.to(torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(copy).all()):
        raise WeightsError(f"{path} has NaN or infinite values in {key}: use an intact file.")
    return copy


def _not_vgg(path: Path, why: str) -> WeightsError:
    return WeightsError(f"{path} does not hold a VGG-19 or VGG-16 with torchvision's keys: {why}.")
