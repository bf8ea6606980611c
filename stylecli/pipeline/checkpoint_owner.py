"""Whose a checkpoint is: its place, and the job it belongs to."""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from stylecli.errors import OutputError
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.output_guard import beside, shortened
from stylecli.provenance.recipe import named_settings
from stylecli.tensor_file import UNREADABLE_FILE_ERRORS, read_texts

SUFFIX: Final = ".checkpoint"
HEADER: Final = "stylecli"


def checkpoint_path(job: Job) -> Path | None:
    """The path of a job's checkpoint, beside its output; `None` where a stream is in it."""
    if STREAM in (job.content, *job.styles, job.output):
        return None
    return beside(job.output, SUFFIX)


def fingerprint(job: Job, hashes: Mapping[Path, str], encoder: str) -> str:
    """SHA-256 of all that a job's picture depends on, wherever its files are."""
    values = {
        "settings": named_settings(job).to_dict(),
        "output_options": asdict(job.output_options),
        "inputs": [(role, hashes[path]) for role, path in job.named_inputs],
        "encoder": encoder,
    }
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def fingerprint_in(path: Path) -> str | None:
    """The fingerprint of the job that a checkpoint belongs to, `None` for any other file."""
    with contextlib.suppress(*UNREADABLE_FILE_ERRORS):
        if path.is_file() and not path.is_symlink():
            return str(json.loads(read_texts(path)[HEADER])["fingerprint"])
    return None


def own_checkpoint(path: Path, job_fingerprint: str) -> Path:
    """A job's own checkpoint: `path`, or a name with a part of the fingerprint if that is taken.

    Raises `OutputError` where both are.
    """
    ending = f".{job_fingerprint[:8]}{SUFFIX}"
    other = path.with_name(shortened(path.name.removesuffix(SUFFIX) + ending, ending))
    for candidate in (path, other):
        if not os.path.lexists(candidate) or fingerprint_in(candidate) == job_fingerprint:
            return candidate
    raise OutputError(f"{escaped(path)} is there already, and belongs to something else.")


def remove_checkpoint(path: Path, job_fingerprint: str) -> None:
    """Remove a job's own checkpoint; that of another job, or a foreign file, stays."""
    with contextlib.suppress(OSError, OutputError):
        own = own_checkpoint(path, job_fingerprint)
        own.unlink(missing_ok=True)
