"""The default command: one picture in the style of another."""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylecli.cli.option_factory import OUTPUT
from stylecli.cli.output import print_json, print_line
from stylecli.cli.parsed_options import ParsedOptions, takes_options
from stylecli.cli.progress import Screen, describe_seconds, open_screen
from stylecli.cli.run_options import (
    CheckpointEvery,
    Explain,
    Force,
    Plot,
    Preview,
    SaveEvery,
    SaveRecipe,
    SaveTo,
    Watch,
    WatchPort,
    open_recorder,
    side_files,
)
from stylecli.cli.signals import stop_now, stop_when_safe
from stylecli.errors import Halted, UsageError
from stylecli.images.discovery import STREAM, path_of
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.pipeline.preflight import check_job
from stylecli.provenance.recipe import finite

if TYPE_CHECKING:
    from stylecli.monitor.recorder import Recorder
    from stylecli.pipeline.checkpoint import Checkpoint
    from stylecli.pipeline.session import JobResult
    from stylecli.transfer.results import ProgressCallback

Content = Annotated[
    str, typer.Argument(metavar="CONTENT", help="The picture to paint; - is standard input.")
]
Styles = Annotated[
    list[str], typer.Argument(metavar="STYLE", help="The picture to take the style from.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Where to write: .png, .jpg, .webp, .tif or .avif; - is standard output (PNG).",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]


@takes_options
def paint_picture(
    *,
    content: Content,
    styles: Styles,
    output: Output = None,
    force: Force = False,
    checkpoint_every: CheckpointEvery = None,
    save_every: SaveEvery = None,
    save_to: SaveTo = None,
    preview: Preview = False,
    watch: Watch = False,
    watch_port: WatchPort = 0,
    plot: Plot = None,
    save_recipe: SaveRecipe = None,
    explain: Explain = False,
    options: ParsedOptions,
) -> None:
    """Paint one picture, CONTENT, in the style of another, STYLE."""
    job = _job(content, styles, output, options, force=force)
    files = side_files(
        job.output,
        save_every=save_every,
        save_to=save_to,
        preview=preview,
        plot=plot,
        save_recipe=save_recipe,
    )
    check_job(job, beside=files.paths, folder=files.folder)
    if explain:
        _print_explanation(job, options)
        return
    if options.dry_run:
        _print_plan(job, options)
        return
    with open_screen(quiet=options.quiet) as screen:
        _note_blend(screen, job)
        screen.say("Loading PyTorch")
        port = watch_port if watch else None
        with open_recorder(screen, job, files, watch_port=port) as (callbacks, recorder):
            done = make(
                job, screen, callbacks, checkpoint_every=checkpoint_every, recorder=recorder
            )
        print_result(screen, done, verbose=options.verbose)
    if options.json:
        print_json(as_dict(done))


def _note_blend(screen: Screen, job: Job) -> None:
    """Say that several styles are blended, unless an option of blends shows that it is meant."""
    if len(job.styles) > 1 and job.settings.style_weights is None and job.mask is None:
        screen.note(
            f"{escaped(job.content)} is painted in a blend of {len(job.styles)} styles; to paint "
            "many pictures: stylize batch."
        )


def make(
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


def _print_explanation(job: Job, options: ParsedOptions) -> None:
    """Print a job's settings and their reasons on stdout: as lines, with `--json` as an object."""
    from stylecli.cli.explain import explain_settings

    with open_screen(quiet=options.quiet) as screen:
        screen.say("Loading PyTorch")
        rows = explain_settings(job, options.origins)
    if options.json:
        print_json({row.name: {"value": row.value, "reason": row.reason} for row in rows})
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        print_line(f"{row.name:{width}}  {row.value}  ({row.reason})")


def _print_plan(job: Job, options: ParsedOptions) -> None:
    """Print a job's plan: as lines on stderr, with `--json` as an object on stdout."""
    with open_screen(quiet=options.quiet and not options.json) as screen:
        screen.say("Loading PyTorch")
        from stylecli.pipeline.single import plan_job

        plan = plan_job(job, on_message=screen.say, on_download=screen.download)
        if options.json:
            print_json(dataclasses.asdict(plan))
            return
        screen.say(f"Plan on {plan.device} in {plan.precision}:")
        for scale in plan.scales:
            tile = "untiled" if scale.tile is None else f"tiles of {scale.tile}"
            screen.say(
                f"  {scale.width}x{scale.height}: {scale.iterations} iterations, {tile}, "
                f"{scale.predicted_bytes / 2**30:.1f} GiB, {describe_seconds(scale.seconds)}"
            )
        seconds = sum(scale.seconds for scale in plan.scales)
        screen.say(f"  in all about {describe_seconds(seconds)}")


def as_dict(done: "JobResult") -> dict[str, Any]:
    """The object that `--json` prints: the recipe, and what only this run knows."""
    return {
        "output": str(done.output),
        **done.recipe,
        "seconds": finite(done.result.seconds),
        "notes": list(done.notes),
    }


def _job(
    content: str, styles: list[str], output: str | None, options: ParsedOptions, *, force: bool
) -> Job:
    if output is None:
        raise UsageError("say where to write the picture: add -o OUT.png (or -o - for a pipe).")
    options.check_verbosity()
    job = Job(
        content=path_of(content),
        styles=tuple(path_of(style) for style in styles),
        output=path_of(output),
        **options.with_existing("overwrite" if force else "refuse"),
    )
    _check_streams(job, options)
    return job


def _check_streams(job: Job, options: ParsedOptions) -> None:
    if STREAM in (job.content, *job.styles) and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("- means standard input, but nothing is piped into it.")
    if job.output != STREAM:
        return
    if options.json:
        raise UsageError("-o - and --json both want standard output: give -o a file.")
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError("-o - writes a PNG to standard output: pipe it or redirect it.")


def print_result(screen: Screen, done: "JobResult", *, verbose: bool) -> None:
    """Print where the picture is, its losses, and the relative losses at each size."""
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
