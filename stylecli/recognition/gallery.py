"""Gallery: style descriptors of known styles in a file, to match a picture against.

The file is in safetensors format: tensors, and a JSON header. Nothing in it is ever executed.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save

from stylecli._version import __version__
from stylecli.errors import InputError
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.recognition.embedding import Embedding
from stylecli.recognition.verification import Verification
from stylecli.tensor_file import UNREADABLE_FILE_ERRORS, read_tensors

SUFFIX: Final = ".safetensors"
FORMAT: Final = 1
# Where as many crops of one painting are refused as crops of two are taken, over twelve
# paintings (benchmarks/recognition.py); a trained gallery carries its own.
RAW_THRESHOLD: Final = 0.44
_HEADER: Final = "stylecli-gallery"


@dataclass(frozen=True)
class Match:
    """A known style and its distance, 0 for the same."""

    name: str
    distance: float


@dataclass(frozen=True)
class Gallery:
    """Descriptors (n, k) of pictures with the names of their styles, and what encoded them."""

    names: tuple[str, ...]
    descriptors: torch.Tensor
    encoder: str
    encoder_sha256: str
    threshold: float = RAW_THRESHOLD
    embedding: Embedding | None = None
    report: dict[str, Verification] | None = None

    def embedded(self, descriptors: torch.Tensor) -> torch.Tensor:
        """Descriptors (B, n) as this gallery compares them."""
        return descriptors if self.embedding is None else self.embedding(descriptors)

    def match(self, descriptor: torch.Tensor) -> list[Match]:
        """Every style, the nearest first, by its nearest picture."""
        query = self.embedded(descriptor[None])
        distances = (self.embedded(self.descriptors) - query).norm(dim=1)
        nearest: dict[str, float] = {}
        for name, distance in zip(self.names, distances.tolist(), strict=True):
            nearest[name] = min(distance, nearest.get(name, float("inf")))
        return [Match(*entry) for entry in sorted(nearest.items(), key=lambda item: item[1])]


def save_gallery(path: Path, gallery: Gallery, guard: OutputGuard | None = None) -> None:
    """Write a gallery, complete or not at all. Raises `OutputError`."""
    tensors = {"codes": gallery.descriptors.contiguous()}
    if gallery.embedding is not None:
        tensors |= {"mean": gallery.embedding.mean, "matrix": gallery.embedding.matrix.contiguous()}
    report = {name: asdict(entry) for name, entry in (gallery.report or {}).items()}
    header = {
        "format": FORMAT,
        "version": __version__,
        "names": gallery.names,
        "encoder": gallery.encoder,
        "encoder_sha256": gallery.encoder_sha256,
        "threshold": gallery.threshold,
        "report": report,
    }
    data = save(tensors, {_HEADER: json.dumps(header)})
    (guard or OutputGuard(replace=True)).write_bytes(path, data)


def load_gallery(path: Path) -> Gallery:
    """Read a gallery. Raises `InputError` for anything that is not one, or is damaged."""
    try:
        texts, tensors = read_tensors(path, _HEADER, "it is no gallery of this program")
        return _from_header(json.loads(texts[_HEADER]), tensors)
    except UNREADABLE_FILE_ERRORS as error:
        raise InputError(f"cannot read the gallery {escaped(path)}: {_why(error)}.") from error


def _why(error: Exception) -> str:
    """The reason in words, where a library's own are meant for programmers."""
    if isinstance(error, ValueError | OSError):
        return escaped(" ".join(str(error).split()).rstrip(".")) or type(error).__name__
    return "it is damaged, or what it holds makes no sense"


def _from_header(header: Any, tensors: dict[str, torch.Tensor]) -> Gallery:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its format is not known to this version")
    names, descriptors = header["names"], tensors["codes"]
    _check(descriptors, 2)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its names are no list of names")
    if len(names) != len(descriptors):
        raise ValueError("its names do not go with its codes")
    embedding = None
    if "matrix" in tensors:
        _check(tensors["matrix"], 2)
        _check(tensors["mean"], 1)
        if {tensors["matrix"].shape[0], len(tensors["mean"])} != {descriptors.shape[1]}:
            raise ValueError("its embedding does not go with its codes")
        embedding = Embedding(tensors["mean"], tensors["matrix"])
    return Gallery(
        names=tuple(names),
        descriptors=descriptors,
        encoder=str(header["encoder"]),
        encoder_sha256=str(header["encoder_sha256"]),
        threshold=_finite(header["threshold"]),
        embedding=embedding,
        report={str(key): _figures(entry) for key, entry in header["report"].items()} or None,
    )


def _figures(values: dict[str, Any]) -> Verification:
    return Verification(**{name: float(value) for name, value in values.items()})


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError("its threshold is no number")
    return number


def _check(tensor: torch.Tensor, dimensions: int) -> None:
    right = tensor.ndim == dimensions and tensor.dtype == torch.float32 and tensor.numel() > 0
    if not right or not bool(torch.isfinite(tensor).all()):
        raise ValueError("its numbers make no sense")
