"""A single run under signals, and the report of its result: for `stylize`, `resume`, `replay`."""

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylecli.cli.output import print_json
from stylecli.cli.progress import Screen, describe_seconds
from stylecli.cli.signals import stop_now, stop_when_safe
from stylecli.errors import Halted
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.provenance.recipe import finite

if TYPE_CHECKING:
    from stylecli.monitor.recorder import Recorder
    from stylecli.pipeline.checkpoint import Checkpoint
    from stylecli.pipeline.session import JobResult
    from stylecli.transfer.results import ProgressCallback


def run_single(
    job: Job,
    screen: Screen,
    callbacks: Sequence["ProgressCallback"],
    *,
    checkpoint_every: float | None = None,
    resume: "Checkpoint | None" = None,
    resumed_file: Path | None = None,
    recorder: "Recorder | None" = None,
) -> "JobResult":
    """Run a job, with a checkpoint on a signal, and with a hint where one is due."""
    from stylecli.pipeline.checkpoint_owner import checkpoint_path
    from stylecli.pipeline.hints import Hints
    from stylecli.pipeline.single import Checkpoints, run_job

    path, hints = resumed_file or checkpoint_path(job), Hints()

    def announce() -> None:
        # The signal came in the middle of printing, or with the end of the terminal.
        with contextlib.suppress(RuntimeError, OSError):
            screen.say("Saving the run after this iteration; once more ends it at once")

    with stop_when_safe(announce) as stop:
        checkpoints = None if path is None else Checkpoints(path, checkpoint_every, stop)
        if path is not None and checkpoints is not None and recorder is not None:
            side = functools.partial(recorder.state_dict, path.parent)
            checkpoints = dataclasses.replace(checkpoints, side=side)
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
