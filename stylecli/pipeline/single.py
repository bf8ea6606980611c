"""A single run: read the pictures, stylize, write the picture with its recipe inside."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stylecli import transfer
from stylecli.atomic import remove_leftovers
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.errors import Halted, InputError, is_out_of_memory
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.pipeline.checkpoint import (
    Checkpoint,
    check_encoder,
    check_inputs,
    differences,
    save_checkpoint,
)
from stylecli.pipeline.preflight import check_job
from stylecli.pipeline.session import JobResult, Prepared, Session
from stylecli.quoting import pasted_command
from stylecli.tensor_file import MALFORMED_DATA_ERRORS
from stylecli.transfer.results import (
    Preparation,
    PreparationCallback,
    Progress,
    ProgressCallback,
    Result,
)


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoint file of a run, how often it is written, and when the run has to stop.

    `stop` is called after each iteration; the run is then saved and ends with `Halted`.
    """

    path: Path
    every: float | None = None
    stop: Callable[[], bool] = _never


def run_job(
    job: Job,
    *,
    callbacks: Sequence[ProgressCallback] = (),
    on_preparation: Sequence[PreparationCallback] = (),
    on_message: MessageCallback | None = None,
    on_download: DownloadCallback | None = None,
    checkpoints: Checkpoints | None = None,
    resume: Checkpoint | None = None,
) -> JobResult:
    """Make one picture from files to a file; nothing is written unless all of it is.

    `callbacks` are called after each iteration, `on_preparation` before a scale's first one, after
    each tile of a style. A job that ends well removes its checkpoint. Raises
    `InputError`, `OutputError`, `WeightsError`, `UsageError`, `MemoryLimitError`, or `Halted`.
    """
    session = Session(on_message=on_message, on_download=on_download)
    check_job(job)
    if job.output != STREAM:
        remove_leftovers(job.output.parent)  # of runs that were killed as they wrote
    session.say("Reading the pictures")
    prepared = session.prepare(job)
    if resume is not None:
        check_inputs(resume, prepared.inputs.hashes)
    encoder = session.encoder(job)
    if resume is not None:
        check_encoder(resume, encoder.sha256)
    session.say("Stylising" if resume is None else "Going on")
    every_callback, before_scale = list(callbacks), list(on_preparation)
    if checkpoints is not None:
        writer = _CheckpointWriter(prepared, encoder.sha256, checkpoints)
        every_callback.append(writer)
        before_scale.append(writer)
    result = _make(session, prepared, every_callback, before_scale, resume)
    done = session.deliver(prepared, result)
    if checkpoints is not None:
        with contextlib.suppress(OSError):
            checkpoints.path.unlink(missing_ok=True)
    notes = differences(resume) if resume is not None else ()
    return replace(done, notes=(*notes, *done.notes))


def plan_job(
    job: Job,
    *,
    on_message: MessageCallback | None = None,
    on_download: DownloadCallback | None = None,
) -> transfer.RunPlan:
    """The plan of `run_job` on this machine: scales, tiles, memory; nothing is written.

    Raises as `run_job` does.
    """
    session = Session(on_message=on_message, on_download=on_download)
    check_job(job)
    request = session.prepare(job).request
    return transfer.plan_run(request, job.compute, session.encoder(job))


def _make(
    session: Session,
    prepared: Prepared,
    callbacks: Sequence[ProgressCallback],
    on_preparation: Sequence[PreparationCallback],
    resume: Checkpoint | None,
) -> Result:
    def report(progress: Progress) -> None:
        for callback in callbacks:
            callback(progress)

    def report_preparation(preparation: Preparation) -> None:
        for callback in on_preparation:
            callback(preparation)

    state = None if resume is None else resume.state
    try:
        (result,) = session.make(
            [prepared],
            on_progress=report if callbacks else None,
            on_preparation=report_preparation if on_preparation else None,
            resume=state,
        )
    except MALFORMED_DATA_ERRORS as error:
        if resume is None or is_out_of_memory(error):
            raise
        raise InputError(
            "the checkpoint does not fit its own job: start again without it."
        ) from error
    return result


def _how_to_resume(path: Path) -> str:
    command = pasted_command(["stylize", "resume", path])
    if command is None:  # it holds what a terminal would act on
        return "go on with 'stylize resume' and the checkpoint beside the output."
    # Quotes around quotes could not be pasted.
    return f"go on with: {command}" if "'" in command else f"go on with '{command}'."


class _CheckpointWriter:
    """Progress callback that writes checkpoints, and raises `Halted` where `stop` says so.

    Of a scale whose targets are being computed as well.
    """

    def __init__(self, prepared: Prepared, encoder: str, checkpoints: Checkpoints) -> None:
        self.prepared, self.encoder, self.checkpoints = prepared, encoder, checkpoints
        self.saved = time.monotonic()

    def __call__(self, progress: Progress | Preparation) -> None:
        stop, every = self.checkpoints.stop(), self.checkpoints.every
        due = every is not None and time.monotonic() - self.saved >= every
        if not stop and not due:
            return
        path, job = self.checkpoints.path, self.prepared.job
        hashes = self.prepared.inputs.hashes
        save_checkpoint(path, job, hashes, self.encoder, progress.state())
        self.saved = time.monotonic()
        if stop:
            raise Halted(f"what was done is kept: {_how_to_resume(path)}")
