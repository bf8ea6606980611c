"""Preflight: checks that need no torch, so that a job bound to fail does so at once."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stylecli.encoder.registry import content_layers, get_spec, is_path, style_layers
from stylecli.errors import InputError, OutputError
from stylecli.images.discovery import STREAM
from stylecli.images.formats import (
    LONGEST_SIDE,
    check_local,
    check_longest_side,
    check_output_suffix,
    format_of,
    is_address,
)
from stylecli.job import Job
from stylecli.messages import escaped, reason
from stylecli.output_guard import OutputGuard, folded, follow_link
from stylecli.provenance.hashing import Digests
from stylecli.settings import Settings

if TYPE_CHECKING:
    from stylecli.provenance.recipe import Recipe


def check_job(
    job: Job,
    *,
    beside: Iterable[Path] = (),
    folder: Path | None = None,
    digests: Digests | None = None,
    advice: str = "add --force to replace it",
) -> "Recipe | None":
    """Raise the error this job is bound to end with, where that can be seen before the work.

    `UsageError` for an unknown encoder or layer, `InputError` for inputs that are missing,
    `OutputError` for an output that exists, is an input, or cannot be written. `beside` are the
    files written beside the picture, `folder` is one for pictures of the run. Returns the recipe
    of an output that stays as it is by `job.existing`, and `None` where there is work to do.
    `advice` is for an output that is there.
    """
    _check_names(job.settings)
    for path in job.input_files:
        _check_input(path)
    if job.output != STREAM:
        check_output_suffix(job.output)
        if job.existing in ("skip", "renew") and os.path.lexists(job.output):
            from stylecli.provenance.up_to_date import kept_recipe  # needs torch

            recipe = kept_recipe(job, digests or Digests())
            if recipe is not None:
                return recipe
    guard = guard_of(job)
    if job.output != STREAM:
        guard.check(follow_link(job.output), advice)
        _check_size(job)
    _check_beside(job, beside, folder, guard)
    return None


def guard_of(job: Job) -> OutputGuard:
    """The output guard of a job; with `skip` it replaces a picture of ours that is torn."""
    guard = OutputGuard(job.files_read, replace=job.existing in ("renew", "overwrite"))
    if job.existing == "skip" and os.path.lexists(job.output):
        from stylecli.provenance.up_to_date import is_torn  # needs torch

        target = follow_link(job.output)
        guard.claim(target)
        if not is_torn(target):
            guard.release(target)
    return guard


def _check_beside(job: Job, paths: Iterable[Path], folder: Path | None, guard: OutputGuard) -> None:
    """Check what is written beside the picture; an empty folder may be there."""
    paths = [*paths]
    seen = {folded(job.output)}
    for path in [*paths, *([folder] if folder else [])]:
        if folded(path) in seen:
            raise OutputError(f"{escaped(path)} would be written twice: give it another name.")
        seen.add(folded(path))
    for path in paths:
        check_local(path)
        guard.check(path)
    if folder is None:
        return
    check_local(folder)
    if guard.is_input(folder) or not os.path.isdir(folder):
        guard.check(folder)
    elif any(follow_link(folder).iterdir()) and not guard.replace:
        raise OutputError(f"{escaped(folder)} exists already: add --force to write into it.")


def _check_names(settings: Settings) -> None:
    if is_path(settings.encoder_name):
        return  # its layers are known once it is read
    spec = get_spec(settings.encoder_name)
    content_layers(spec, settings.content_layers)
    style_layers(spec, settings.style_layers)


def _check_input(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"cannot read {escaped(path)}: it is a folder, not a picture.")
        path.stat()
    except FileNotFoundError as error:
        why = (
            "this is an address; download it first" if is_address(path) else "there is no such file"
        )
        raise InputError(f"cannot read {escaped(path)}: {why}.") from error
    except OSError as error:
        raise InputError(f"cannot read {escaped(path)}: {reason(error)}.") from error
    except ValueError as error:  # a NUL in the path
        raise InputError(f"cannot read {escaped(path)}: this is not a valid file name.") from error
    if not os.access(path, os.R_OK):
        raise InputError(f"cannot read {escaped(path)}: permission denied.")


def _check_size(job: Job) -> None:
    """Refuse a picture that is too long for its format, as far as the header tells."""
    if format_of(job.output) in LONGEST_SIDE and job.content != STREAM:
        from stylecli.images.header import peek_size  # needs torch

        side = job.settings.size or max(peek_size(job.content))
        check_longest_side(format_of(job.output), side, escaped(job.output))
