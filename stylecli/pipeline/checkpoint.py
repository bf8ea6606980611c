"""Checkpoint of a run, in a file: enough to resume with the same result.

The file is in safetensors format: tensors, and a JSON header with the job, the hashes of its
pictures and the place in the schedule. Nothing in it is ever executed.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save

from stylecli._version import __version__
from stylecli.encoder.registry import is_path
from stylecli.errors import InputError, UsageError, WeightsError
from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.pipeline.checkpoint_owner import HEADER, fingerprint, own_checkpoint
from stylecli.settings import Compute, Settings
from stylecli.tensor_file import (
    MALFORMED_DATA_ERRORS,
    UNREADABLE_FILE_ERRORS,
    put_tensors,
    read_tensors,
    take_tensors,
)

FORMAT: Final = 2
_DIGEST: Final = "sha256"  # without it a flipped bit in a tensor would go into the picture unseen
_PATHS: Final = ("content", "output", "mask")
_PATH_LISTS: Final = ("styles", "style_masks")


@dataclass(frozen=True)
class Checkpoint:
    """A job, the SHA-256 of its pictures and its encoder, and `Progress.state`.

    `hashes` are in the order of `Job.named_inputs`. `side` is what the run's side files need to go
    on. The job's output is beside the checkpoint, wherever that is now.
    """

    job: Job
    hashes: tuple[str, ...]
    encoder: str
    state: dict[str, Any]
    threads: int
    torch: str
    version: str
    side: Mapping[str, Any] = field(default_factory=dict)


def save_checkpoint(
    path: Path,
    job: Job,
    hashes: Mapping[Path, str],
    encoder: str,
    state: Mapping[str, Any],
    side: Mapping[str, Any] | None = None,
) -> Path:
    """Write a job's own checkpoint, complete or not at all, and return where it is.

    `encoder` is its hash. Raises `OutputError`.
    """
    tensors: dict[str, torch.Tensor] = {}
    numbers = {
        "state": take_tensors(state, "", tensors),
        "side": take_tensors(side or {}, "side", tensors),
    }
    job_fingerprint = fingerprint(job, hashes, encoder)
    header = {
        "format": FORMAT,
        "version": __version__,
        "fingerprint": job_fingerprint,
        "job": _job_to_dict(job),
        "hashes": [hashes[path] for _, path in job.named_inputs],
        "encoder": encoder,
        **numbers,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    text = json.dumps(header)
    data = save(tensors, {HEADER: text, _DIGEST: _digest(text, tensors)})
    place = own_checkpoint(path, job_fingerprint)
    guard = OutputGuard(job.files_read)
    guard.claim(place)
    guard.write_bytes(place, data)
    return place


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises `InputError` for anything that is not one, or is damaged.

    Its job writes beside the checkpoint, and replaces nothing, whatever the file says. Inputs that
    are not where they were are looked for from there, too.
    """
    try:
        return _from_header(*_read(path), path.absolute().parent)
    except (*UNREADABLE_FILE_ERRORS, UsageError) as error:
        raise InputError(f"cannot read the checkpoint {escaped(path)}: {_why(error)}.") from error


def check_inputs(checkpoint: Checkpoint, hashes: Mapping[Path, str]) -> None:
    """Raise `InputError` where a picture is not the one that the run began with."""
    inputs = [path for _, path in checkpoint.job.named_inputs]
    if len(checkpoint.hashes) != len(inputs):
        raise InputError("the checkpoint does not fit its own job: start again without it.")
    for path, digest in zip(inputs, checkpoint.hashes, strict=True):
        if hashes.get(path) != digest:
            raise InputError(
                f"{escaped(path)} has changed since the checkpoint was made: start again without "
                "it."
            )


def check_encoder(checkpoint: Checkpoint, encoder: str) -> None:
    """Raise `WeightsError` where the encoder's hash is not the one that the run began with."""
    if checkpoint.encoder != encoder:
        name = escaped(checkpoint.job.settings.encoder_name)
        raise WeightsError(
            f"the encoder {name} has changed since the checkpoint was made (its SHA-256 was "
            f"{checkpoint.encoder[:16]}...): start again without the checkpoint."
        )


def differences(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Why a resumed run may not end with exactly the bits of an uninterrupted one."""
    threads, version = torch.get_num_threads(), str(torch.__version__)
    reasons = []
    if checkpoint.threads != threads:
        reasons.append(
            f"the run began with {checkpoint.threads} threads and goes on with {threads}"
        )
    if checkpoint.torch != version:
        reasons.append(f"the run began with torch {checkpoint.torch} and goes on with {version}")
    if checkpoint.version != __version__:
        reasons.append(
            f"the run began with version {checkpoint.version} and goes on with {__version__}"
        )
    return tuple(f"{reason}: the last bits may differ" for reason in reasons)


def _read(path: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """The header and the tensors, as they were written."""
    if not path.is_file():
        raise ValueError("there is no such file" if not path.exists() else "it is no file")
    texts, tensors = read_tensors(path, HEADER, "it is not from this program")
    if texts.get(_DIGEST) != _digest(texts[HEADER], tensors):
        raise ValueError("it is damaged")
    return json.loads(texts[HEADER]), tensors


def _digest(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of a checkpoint's header and tensors."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _why(error: Exception) -> str:
    """The reason for an error in words, where a library's text is meant for programmers."""
    if isinstance(error, SafetensorError):
        return "it is damaged, or no checkpoint"
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, MALFORMED_DATA_ERRORS) and not isinstance(error, ValueError):
        return "what it holds makes no sense"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _from_header(header: Any, tensors: dict[str, torch.Tensor], folder: Path) -> Checkpoint:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its format is not known to this version")
    state = put_tensors(header["state"], tensors)
    for name in ("scale", "iteration"):
        if not isinstance(state[name], int) or state[name] < 0:
            raise ValueError(f"its {name} makes no sense")
    for name in ("image", "best_image"):
        picture = state["descent"][name]
        if picture.ndim != 4 or not bool(((picture >= 0.0) & (picture <= 1.0)).all()):
            raise ValueError("its picture makes no sense")
    return Checkpoint(
        job=_job_from_dict(header["job"], folder),
        hashes=tuple(map(str, header["hashes"])),
        encoder=str(header["encoder"]),
        state=state,
        threads=int(header["threads"]),
        torch=str(header["torch"]),
        version=str(header["version"]),
        side=dict(put_tensors(header["side"], tensors)),
    )


def _job_to_dict(job: Job) -> dict[str, Any]:
    located = job.located()
    singles = {name: getattr(located, name) for name in _PATHS}
    return {
        **{name: path and str(path) for name, path in singles.items()},
        **{name: list(map(str, getattr(located, name))) for name in _PATH_LISTS},
        "settings": located.settings.to_dict(),
        "compute": asdict(located.compute),
        "output_options": asdict(located.output_options),
        "accept_damaged": located.accept_damaged,
        "folder": str(located.output.parent),
    }


def _job_from_dict(values: dict[str, Any], folder: Path) -> Job:
    def find(text: str) -> Path:
        """An input where it was, or as it lies from the checkpoint, if all of them were moved."""
        path = Path(text)
        if not path.exists():
            moved = folder / os.path.relpath(path, values["folder"])
            return moved if moved.exists() else path
        return path

    settings = Settings.from_dict(values["settings"])
    job = Job(
        content=find(values["content"]),
        styles=tuple(map(find, values["styles"])),
        output=folder / Path(values["output"]).name,
        settings=settings,
        compute=Compute(**values["compute"]),
        output_options=OutputOptions(**values["output_options"]),
        mask=None if values["mask"] is None else find(values["mask"]),
        style_masks=tuple(map(find, values["style_masks"])),
        accept_damaged=bool(values["accept_damaged"]),
    )
    if job.init_path is not None:
        settings = replace(settings, init=str(find(settings.init)))
    if is_path(settings.encoder_name):
        settings = replace(settings, encoder=str(find(settings.encoder_name)))
    return replace(job, settings=settings)
