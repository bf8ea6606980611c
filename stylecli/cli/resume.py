"""`stylize resume`: a stopped run goes on from its checkpoint."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylecli.cli.options import Json, Quiet, Verbose
from stylecli.cli.progress import Screen, open_screen
from stylecli.cli.run_options import CheckpointEvery, Force
from stylecli.cli.single_run import report_result, run_single
from stylecli.errors import InputError
from stylecli.messages import escaped
from stylecli.monitor.side_files import SideFiles

if TYPE_CHECKING:
    from stylecli.pipeline.checkpoint import Checkpoint


def resume_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint of a stopped run.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where to write; by default beside FILE, by the name that the run was given.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    checkpoint_every: CheckpointEvery = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a run that was stopped, from its checkpoint, to the same picture."""
    with open_screen(quiet=quiet) as screen:
        screen.say("Loading PyTorch")
        from stylecli.pipeline.checkpoint import load_checkpoint

        checkpoint = load_checkpoint(file)
        job = dataclasses.replace(
            checkpoint.job,
            output=output or checkpoint.job.output,
            existing="overwrite" if force else "refuse",
        )
        files = _side_files(screen, checkpoint, file.absolute().parent)
        done = run_single(
            screen,
            job,
            files,
            checkpoint_every=checkpoint_every,
            resume=checkpoint,
            resumed_file=file,
        )
        report_result(screen, done, verbose=verbose, json=json)


def _side_files(screen: Screen, checkpoint: "Checkpoint", folder: Path) -> SideFiles:
    """The side files of a stopped run, where they are now; notes those it does not go on with.

    Raises `InputError`.
    """
    if not checkpoint.side:
        return SideFiles()
    try:
        files, elsewhere = SideFiles.from_dict(checkpoint.side["files"], folder)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "the checkpoint does not fit its own job: start again without it."
        ) from error
    for name in elsewhere:
        screen.note(f"{escaped(name)} is not beside the checkpoint, and is left as it is.")
    return files
