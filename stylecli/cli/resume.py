"""`stylize resume`: a stopped run goes on from its checkpoint."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from stylecli.cli.options import Json, Quiet, Verbose
from stylecli.cli.output import print_json
from stylecli.cli.progress import open_screen
from stylecli.cli.run_options import CheckpointEvery, Force
from stylecli.cli.stylize import as_dict, make, print_result


def resume_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint of a stopped run.")],
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
        job = dataclasses.replace(checkpoint.job, force=checkpoint.job.force or force)
        done = make(
            job, screen, [screen.step], checkpoint_every=checkpoint_every, resume=checkpoint
        )
        print_result(screen, done, verbose=verbose)
    if json:
        print_json(as_dict(done))
