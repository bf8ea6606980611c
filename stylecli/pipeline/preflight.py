"""Preflight: checks that need no torch, so that a job bound to fail does so at once."""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stylecli.encoder.registry import content_layers, get_spec, is_path, style_layers
from stylecli.errors import InputError, OutputError
from stylecli.file_names import system_fault
from stylecli.images.discovery import STREAM
from stylecli.images.formats import check_local, check_output_suffix, is_address
from stylecli.job import Job
from stylecli.messages import escaped, reason
from stylecli.settings import Settings
from stylecli.system import on_windows


def check_job(job: Job) -> None:
    """Raise the error this job is bound to end with, where that can be seen without torch.

    `UsageError` for an unknown encoder or layer, `InputError` for inputs that are missing,
    `OutputError` for an output that exists, is an input, or cannot be written.
    """
    _check_names(job.settings)
    for path in job.input_files:
        _check_input(path)
    if job.output != STREAM:
        _check_output(job)


def check_beside(job: Job, paths: Iterable[Path], *, force: bool = False) -> None:
    """Raise `OutputError` where what a job writes beside its picture would do harm.

    That is where a path is an input, the output, or there already, unless `force` is given; a
    folder that is empty may be there.
    """
    seen = {job.output.absolute()}
    for path in paths:
        name = escaped(path)
        check_local(path)
        if path.absolute() in seen:
            raise OutputError(f"{name} would be written twice: give it another name.")
        seen.add(path.absolute())
        _check_name(path)
        try:
            if any(_same_file(path, other) for other in job.input_files):
                raise OutputError(f"{name} is also an input: give it another name.")
            used = any(path.iterdir()) if path.is_dir() else os.path.lexists(path)
            if used and not force:
                raise OutputError(f"{name} exists already: add --force to replace it.")
            _check_folder(path.parent, name)
        except OSError as error:
            raise OutputError(f"cannot write {name}: {reason(error)}.") from error


def follow_link(output: Path) -> Path:
    """The file to replace: a link's target, so that the link stays a link.

    Raises `OSError` for links that lead in a circle.
    """
    if not output.is_symlink():
        return output
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        output.stat()
    return Path(os.path.realpath(output))


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


def _check_output(job: Job) -> None:
    name = escaped(job.output)
    if "\0" in str(job.output):
        raise OutputError(f"cannot write {name}: this is not a valid file name.")
    _check_name(job.output)
    try:
        check_output_suffix(job.output)
        target = follow_link(job.output)
        if any(_same_file(target, path) for path in job.input_files):
            raise OutputError(f"{name} is also an input: give the output another name.")
        if target.exists():
            if not target.is_file():
                raise OutputError(f"cannot write {name}: it is not a regular file.")
            if not job.force:
                raise OutputError(f"{name} exists already: add --force (force=True) to replace it.")
            if on_windows() and not os.access(target, os.W_OK):  # elsewhere the folder decides
                raise OutputError(f"cannot write {name}: it is read-only.")
        _check_folder(target.parent, name)
    except OSError as error:
        raise OutputError(f"cannot write {name}: {reason(error)}.") from error


def _check_name(path: Path) -> None:
    fault = system_fault(path)
    if fault is not None:
        raise OutputError(f"cannot write {escaped(path)}: {fault}.")


def _same_file(target: Path, path: Path) -> bool:
    return target.exists() and path.exists() and target.samefile(path)


def _check_folder(folder: Path, name: str) -> None:
    """A folder that is missing will be created, so the nearest one that exists must allow it."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputError(f"cannot write {name}: {escaped(nearest)} is not a folder.")
    try:  # a file that is gone at once: os.access believes root, and a read-only mount refuses
        with tempfile.TemporaryFile(dir=nearest, prefix=".stylecli-"):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write {name}: the folder {escaped(nearest)} is not writable ({reason(error)})."
        ) from error
