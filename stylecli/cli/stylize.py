"""The default command: one picture in the style of another."""

import dataclasses
import sys
from typing import Annotated

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
    side_files,
)
from stylecli.cli.single_run import report_result, run_single
from stylecli.errors import UsageError
from stylecli.images.discovery import STREAM, path_of
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.pipeline.preflight import check_job

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
        done = run_single(screen, job, files, watch_port=port, checkpoint_every=checkpoint_every)
        report_result(screen, done, verbose=options.verbose, json=options.json)


def _note_blend(screen: Screen, job: Job) -> None:
    """Say that several styles are blended, unless an option of blends shows that it is meant."""
    if len(job.styles) > 1 and job.settings.style_weights is None and job.mask is None:
        screen.note(
            f"{escaped(job.content)} is painted in a blend of {len(job.styles)} styles; to paint "
            "many pictures: stylize batch."
        )


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
