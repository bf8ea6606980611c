"""`stylize video`: a clip in the style of a picture."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from stylecli.cli.batch import Workers
from stylecli.cli.option_factory import OUTPUT, VIDEO, declared
from stylecli.cli.output import print_json
from stylecli.cli.parsed_options import ParsedOptions, takes_options
from stylecli.cli.progress import Screen, describe_seconds, open_screen
from stylecli.cli.run_options import Force
from stylecli.cli.signals import Stopped
from stylecli.cli.stylize import Styles
from stylecli.images.discovery import path_of
from stylecli.video.encoding import CONTAINERS, Codec, Encoding
from stylecli.video.video_job import Cuts, Sequencing, VideoJob

if TYPE_CHECKING:
    from stylecli.video.video_plan import VideoPlan

_SEQUENCING: Final = Sequencing()
_ENCODING: Final = Encoding()

Clip = Annotated[
    str,
    typer.Argument(
        metavar="CLIP", help="The clip: a file, a folder of pictures, or a pattern (in/%04d.png)."
    ),
]
Output = Annotated[
    str,
    declared(
        "output",
        OUTPUT,
        f"Where to write: {', '.join(CONTAINERS)}, a folder, or a pattern (out/%04d.png).",
        "-o",
        metavar="OUT",
    ),
]
Temporal = Annotated[
    float,
    declared(
        "temporal",
        VIDEO,
        "How closely a frame follows the motion, from 0 (each alone, which flickers) to 1.",
        min=0.0,
        max=1.0,
    ),
]
CutsOption = Annotated[
    Cuts, declared("cuts", VIDEO, "Find cuts, so that no shot is printed into the next; or off.")
]
Passes = Annotated[
    int,
    declared("passes", VIDEO, "2 comes back from the end of each shot.", min=1, max=2),
]
Every = Annotated[int, declared("every", VIDEO, "Take every N-th frame alone.", min=1, metavar="N")]
Start = Annotated[
    float | None, declared("from", VIDEO, "Where to begin, in seconds.", min=0.0, metavar="SECONDS")
]
End = Annotated[
    float | None, declared("to", VIDEO, "Where to end, in seconds.", min=0.0, metavar="SECONDS")
]
Fps = Annotated[
    float, declared("fps", VIDEO, "Frames a second of a clip that is a folder or a pattern.")
]
CodecOption = Annotated[
    Codec,
    declared("codec", VIDEO, "h264; av1, which is without GPL; ffv1, which is lossless (.mkv)."),
]
Crf = Annotated[
    int | None,
    declared(
        "crf",
        VIDEO,
        "Quality of the encoder, lower is better.",
        show_default="16; 24 with av1",
        min=0,
        max=63,
    ),
]
NoAudio = Annotated[bool, declared("no_audio", VIDEO, "Leave the sound out.")]
KeepFrames = Annotated[
    bool, declared("keep_frames", VIDEO, "Keep the frames, 16-bit PNGs, in OUT.video.")
]


@takes_options
def paint_clip(
    *,
    clip: Clip,
    styles: Styles,
    output: Output,
    force: Force = False,
    temporal: Temporal = _SEQUENCING.temporal,
    cuts: CutsOption = _SEQUENCING.cuts,
    passes: Passes = _SEQUENCING.passes,
    every: Every = _SEQUENCING.every,
    start: Start = _SEQUENCING.start,
    end: End = _SEQUENCING.end,
    fps: Fps = _SEQUENCING.fps,
    codec: CodecOption = _ENCODING.codec,
    crf: Crf = _ENCODING.crf,
    no_audio: NoAudio = not _ENCODING.audio,
    keep_frames: KeepFrames = False,
    workers: Workers = None,
    options: ParsedOptions,
) -> None:
    """Paint a clip, CLIP, in the style of a picture, STYLE; frames follow the motion.

    The long side is at most 640 pixels without --size. A run that was stopped goes on by the
    same command.
    """
    options.check_verbosity()
    job = VideoJob(
        clip=path_of(clip),
        styles=tuple(path_of(style) for style in styles),
        output=path_of(output),
        sequencing=Sequencing(
            temporal=temporal,
            cuts=cuts,
            passes=passes,
            every=every,
            start=start,
            end=end,
            fps=fps,
        ),
        encoding=Encoding(codec, crf, not no_audio),
        keep_frames=keep_frames,
        **options.with_existing("overwrite" if force else "refuse"),
    )
    with open_screen(quiet=options.quiet) as screen:
        screen.say("Loading PyTorch")
        if options.dry_run:
            _print_plan(screen, job, options)
            return
        done = _run(screen, job, workers or 1)
        if options.json:
            print_json(done)


def _run(screen: Screen, job: VideoJob, workers: int) -> dict[str, Any]:
    from stylecli.video.video_run import run_video

    try:
        result = run_video(
            job,
            workers=workers,
            on_message=screen.say,
            on_share=screen.advance,
            on_download=screen.download,
        )
    except Stopped as stop:
        where = job.store_folder
        advice = f"finished frames are kept in {where}; the same command goes on."
        raise Stopped(stop.number, advice if where.exists() else "") from stop
    for note in result.notes:
        screen.note(note)
    height, width = result.size
    screen.say(
        f"Wrote {result.output} ({result.frames} frames of {width}x{height} in {result.shots} "
        f"shot(s), {describe_seconds(result.seconds)})"
    )
    return {
        "output": str(result.output),
        "frames": result.frames,
        "shots": result.shots,
        "size": [width, height],
        "seconds": result.seconds,
        "notes": list(result.notes),
    }


def _print_plan(screen: Screen, job: VideoJob, options: ParsedOptions) -> None:
    """Print shots, frames, time and disk: as lines on stderr, with `--json` as an object."""
    from stylecli.video.video_plan import plan_video
    from stylecli.video.video_time import predicted_seconds

    plan = plan_video(job, screen.say)
    first, following = predicted_seconds(plan, screen.say)
    values = _plan_values(plan, first, following)
    if options.json:
        print_json(values)
        return
    height, width = plan.size
    screen.say(
        f"{values['frames']} frames of {width}x{height} in {len(plan.shots)} shot(s): "
        f"{describe_seconds(first)} for the first of each, {describe_seconds(following)} for each "
        f"that follows, in all about {describe_seconds(values['seconds'])}; up to "
        f"{plan.disk_bytes / 1e6:.0f} MB in {plan.job.store_folder}"
    )
    for shot in plan.shots:
        screen.say(f"  frames {shot.numbers[0]} to {shot.numbers[-1]}: {len(shot.numbers)}")


def _plan_values(plan: "VideoPlan", first: float, following: float) -> dict[str, Any]:
    shots, passes = len(plan.shots), plan.job.sequencing.passes
    frames = len(plan.numbers)
    height, width = plan.size
    return {
        "frames": frames,
        "shots": [[shot.numbers[0], shot.numbers[-1]] for shot in plan.shots],
        "size": [width, height],
        "seconds": shots * first + (frames - shots) * following * passes,
        "bytes": plan.disk_bytes,
    }
