"""A single run under signals, and the report of its result: for `stylize`, `resume`, `replay`."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylecli.cli.output import print_json
from stylecli.cli.progress import Screen, describe_seconds
from stylecli.cli.signals import stop_now, stop_when_safe
from stylecli.errors import Halted
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.monitor.side_files import SideFiles
from stylecli.provenance.recipe import finite

if TYPE_CHECKING:
    from stylecli.monitor.recorder import Recorder
    from stylecli.pipeline.checkpoint import Checkpoint
    from stylecli.pipeline.session import JobResult
    from stylecli.transfer.results import ProgressCallback


def run_single(
    screen: Screen,
    job: Job,
    files: SideFiles | None = None,
    *,
    watch_port: int | None = None,
    checkpoint_every: float | None = None,
    resume: "Checkpoint | None" = None,
    resumed_file: Path | None = None,
) -> "JobResult":
    """Run a job with its side files, with a checkpoint on a signal, and a hint where one is due."""
    from stylecli.pipeline.checkpoint_owner import checkpoint_path
    from stylecli.pipeline.hints import Hints
    from stylecli.pipeline.single import Checkpoints, run_job

    path, hints = resumed_file or checkpoint_path(job), Hints()

    def announce() -> None:
        # The signal came in the middle of printing, or with the end of the terminal.
        with contextlib.suppress(RuntimeError, OSError):
            screen.say("Saving the run after this iteration; once more ends it at once")

    with (
        _open_recorder(screen, job, files or SideFiles(), watch_port) as (callbacks, recorder),
        stop_when_safe(announce) as stop,
    ):
        if resume is not None and resume.side:
            recorder.load_state_dict(resume.side)
        checkpoints = None
        if path is not None:
            side = functools.partial(recorder.state_dict, path.parent)
            checkpoints = Checkpoints(path, checkpoint_every, stop, side)
        try:
            done = run_job(
                job,
                callbacks=[hints, *callbacks],
                on_preparation=[screen.prepare],
                on_message=screen.say,
                on_download=screen.download,
                checkpoints=checkpoints,
                resume=resume,
            )
        except Halted as halted:
            stop_now(str(halted))
    hint = hints.after(max(done.result.image.shape), done.smallest_style, job.settings)
    return done if hint is None else dataclasses.replace(done, notes=(*done.notes, hint))


@contextlib.contextmanager
def _open_recorder(
    screen: Screen, job: Job, files: SideFiles, watch_port: int | None
) -> Iterator[tuple[list["ProgressCallback"], "Recorder"]]:
    """The progress callbacks of a run, and the one of its side files.

    What that has gathered is written at the end, be it by a signal. With a port the run is shown
    on a page.
    """
    from stylecli.monitor.recorder import Recorder

    recorder = Recorder(files, job, screen.note)
    callbacks: list[ProgressCallback] = [screen.step, recorder]
    with contextlib.ExitStack() as stack:
        stack.callback(recorder.close)
        if watch_port is not None:
            from stylecli.monitor.live_page import Watch as WatchPage

            page = stack.enter_context(WatchPage(watch_port))
            screen.say(f"Watch it at {page.url}", always=True)
            callbacks.append(page)
        yield callbacks, recorder


def report_result(screen: Screen, done: "JobResult", *, verbose: bool, json: bool) -> None:
    """Report where the picture is, its losses, and the relative losses at each size."""
    result = done.result
    height, width = result.image.shape[-2:]
    if verbose:
        screen.say(
            f"Computed on {result.device} in {result.precision}, {result.iterations} "
            f"iterations, seed {result.settings.seed}"
        )
    for note in done.notes:
        screen.note(note)
    name = "standard output" if done.output == STREAM else str(done.output)
    screen.say(
        f"Wrote {name} ({width}x{height}, content {result.losses.content:.3g}, "
        f"style {result.losses.style:.3g}, {describe_seconds(result.seconds)})"
    )
    if result.pyramid:
        content, style = (
            " ".join(f"{value:.3g}" for value in part) for part in zip(*result.pyramid, strict=True)
        )
        screen.say(f"Losses at full, half, quarter size: content {content}; style {style}")
    if json:
        print_json(_as_dict(done))


def _as_dict(done: "JobResult") -> dict[str, Any]:
    """The object that `--json` prints: the recipe, and what only this run knows."""
    return {
        "output": str(done.output),
        **done.recipe,
        "seconds": finite(done.result.seconds),
        "notes": list(done.notes),
    }
