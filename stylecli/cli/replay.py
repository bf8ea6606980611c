"""`stylize replay`: a picture made again from the recipe inside it."""

from pathlib import Path
from typing import Annotated

import typer

from stylecli.cli.options import Json, Quiet, Verbose
from stylecli.cli.output import print_json
from stylecli.cli.progress import open_screen
from stylecli.cli.run_options import Force
from stylecli.cli.single_run import report_result, run_single
from stylecli.job import Existing


def replay_picture(
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="A picture made by this program.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Where to write.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="PATH",
            help="Where an input is now; may be repeated. Else they are looked for by name, "
            "beside the picture and in the current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a picture again from the recipe inside it."""
    with open_screen(quiet=quiet) as screen:
        screen.say("Loading PyTorch")
        from stylecli.provenance.job_from_recipe import replay_of
        from stylecli.video.frame_recipe import place_in
        from stylecli.video.video_replay import replay_frame

        existing: Existing = "overwrite" if force else "refuse"
        if (place := place_in(picture)) is not None:
            frame = replay_frame(
                picture,
                place,
                output,
                moved=inputs or (),
                existing=existing,
                on_message=screen.say,
                on_share=screen.advance,
            )
            for note in frame.notes:
                screen.note(f"{note}.")
            screen.say(f"Wrote {frame.output} (frame {frame.number} of a clip)")
            if json:
                print_json({"output": str(output), "frame": frame.number, "notes": frame.notes})
            return
        replayed = replay_of(picture, output, moved=inputs or (), existing=existing)
        for note in replayed.notes:
            screen.note(f"{note}.")
        done = run_single(screen, replayed.job)
        report_result(screen, done, verbose=verbose, json=json)
