"""Files of tensors with a text beside them: checkpoints and galleries.

They are in safetensors format, and nothing in them is ever executed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

MAX_HEADER: Final = 2**24  # bytes: a gallery of 100,000 pictures
# Exceptions that values of the wrong kind raise, wherever they are first used.
MALFORMED_DATA_ERRORS: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)
# Exceptions that reading a file of any content raises.
UNREADABLE_FILE_ERRORS: Final = (*MALFORMED_DATA_ERRORS, OSError, SafetensorError)


def check_header(path: Path, most: int = MAX_HEADER) -> None:
    """Raise `ValueError` where the header of a safetensors file is longer than `most` bytes.

    As JSON it takes many times as much memory once it is read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if (
            most < length <= os.fstat(file.fileno()).st_size
        ):  # a file of another kind is refused later
            raise ValueError("its header is too long")


def read_tensors(
    path: Path, header: str, otherwise: str
) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """The texts of a file by name, and its tensors.

    Raises one of `UNREADABLE_FILE_ERRORS`; a `ValueError` that says `otherwise` where there is
    no text named `header`.
    """
    check_header(path)
    with safe_open(path, framework="pt") as file:
        texts = file.metadata() or {}
        if header not in texts:
            raise ValueError(otherwise)
        return texts, {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118


def read_texts(path: Path) -> dict[str, str]:
    """The texts of a file by name, without its tensors; raises as `read_tensors` does."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def take_tensors(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Nested dicts with each tensor moved to `tensors` and its place marked."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {key: take_tensors(item, f"{name}/{key}", tensors) for key, item in value.items()}
    return value


def put_tensors(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """The inverse of `take_tensors`."""
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: put_tensors(item, tensors) for key, item in value.items()}
    return value
