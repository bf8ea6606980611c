"""A single run: read the pictures, stylize, write the picture with its recipe inside."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stylecli import transfer
from stylecli.atomic import remove_leftovers
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.errors import Halted, InputError, OutputError, is_out_of_memory
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.output_guard import follow_link
from stylecli.pipeline.checkpoint import (
    Checkpoint,
    check_encoder,
    check_inputs,
    differences,
    save_checkpoint,
)
from stylecli.pipeline.checkpoint_owner import (
    fingerprint,
    fingerprint_in,
    remove_checkpoint,
)
from stylecli.pipeline.preflight import check_job, guard_of
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


def _nothing(*, stop: bool) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoint file of a run, how often it is written, and when the run has to stop.

    `stop` is called after each iteration; the run is then saved and ends with `Halted`. `side`
    gives what is kept of the run's side files, with `stop` at its end. Where `path` is taken by
    another job or a foreign file, that stays, and a name of the job's own is used.
    """

    path: Path
    every: float | None = None
    stop: Callable[[], bool] = _never
    side: Callable[..., Mapping[str, Any]] = _nothing


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
    session.say("Stylizing" if resume is None else "Going on")
    every_callback, before_scale = list(callbacks), list(on_preparation)
    writer = None
    if checkpoints is not None:
        writer = _CheckpointWriter(prepared, encoder.sha256, checkpoints, session.say)
        if resume is None:
            writer.report_other()
        every_callback.append(writer)
        before_scale.append(writer)
    result = _make(session, prepared, every_callback, before_scale, resume)
    done = session.deliver(prepared, result)
    if writer is not None:
        remove_checkpoint(writer.checkpoints.path, writer.fingerprint)
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
    return f"go on with: {command}"


class _CheckpointWriter:
    """Progress callback that writes checkpoints, and raises `Halted` where `stop` says so.

    Of a scale whose targets are being computed as well.
    """

    def __init__(
        self, prepared: Prepared, encoder: str, checkpoints: Checkpoints, say: MessageCallback
    ) -> None:
        self.prepared, self.encoder, self.checkpoints, self.say = (
            prepared,
            encoder,
            checkpoints,
            say,
        )
        self.fingerprint = fingerprint(prepared.job, prepared.inputs.hashes, encoder)
        self.saved = time.monotonic()
        self.warned = False

    def __call__(self, progress: Progress | Preparation) -> None:
        """Save the run where that is due."""
        stop, every = self.checkpoints.stop(), self.checkpoints.every
        if stop:
            self._halt(progress)
        if isinstance(progress, Progress) and progress.is_last:
            self._keep_if_blocked(progress)
        elif every is not None and time.monotonic() - self.saved >= every:
            try:
                self._save(progress, stop=False)
            except OutputError as error:  # the picture may find room where its checkpoint did not
                if not self.warned:
                    self.say(f"Note: the run is not saved: {error}")
                self.warned = True
            self.saved = time.monotonic()

    def report_other(self) -> None:
        """Report a checkpoint that is there already."""
        path = self.checkpoints.path
        owner = fingerprint_in(path)
        if owner == self.fingerprint:
            self.say(f"Note: a run of this job was stopped; {_how_to_resume(path)}")
        elif owner is not None:
            self.say(f"Note: {escaped(path)} is of another run to this output, and is kept.")

    def _halt(self, progress: Progress | Preparation) -> None:
        try:
            path = self._save(progress, stop=True)
        except OutputError as error:
            raise Halted(f"what was done is lost: {error}") from error
        raise Halted(f"what was done is kept; {_how_to_resume(path)}")

    def _keep_if_blocked(self, progress: Progress) -> None:
        """Save the finished run where its output has been taken by another file meanwhile."""
        job = self.prepared.job
        try:
            guard_of(job).check(follow_link(job.output))
        except OutputError as error:
            path = self._save(progress, stop=True)
            raise OutputError(
                f"{str(error).rstrip('.')}; what was done is kept; with another -o OUT "
                f"{_how_to_resume(path)}"
            ) from error

    def _save(self, progress: Progress | Preparation, *, stop: bool) -> Path:
        path, job = self.checkpoints.path, self.prepared.job
        side = self.checkpoints.side(stop=stop)
        hashes = self.prepared.inputs.hashes
        return save_checkpoint(path, job, hashes, self.encoder, progress.state(), side)
