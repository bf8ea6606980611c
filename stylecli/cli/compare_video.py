"""`stylize compare --video`: how steady a clip is, shot by shot."""

from dataclasses import asdict
from pathlib import Path

from stylecli.cli.output import print_json, print_line
from stylecli.cli.progress import open_screen
from stylecli.settings import Compute
from stylecli.video.video_job import open_clip


def compare_clips(
    result: Path, clip: Path, style: Path, *, encoder: str, device: str, json: bool
) -> int:
    """Print warping error, its ratio to the content's own, drift and style distance of shots."""
    with open_screen(quiet=json) as screen:
        screen.say("Loading PyTorch")
        from stylecli.images.reading import read_picture
        from stylecli.recognition.matching import open_metric
        from stylecli.video.extras import check_extras
        from stylecli.video.video_measures import measure_clip

        check_extras()
        pixels = read_picture(style).pixels
        metric, _ = open_metric(encoder, Compute(device=device))
        clips = open_clip(result), open_clip(clip)
        shots = measure_clip(
            *clips, pixels, metric, lambda share: screen.advance(share, f"{share:.0%}")
        )
    if json:
        values = [{**asdict(shot), "ratio": shot.ratio} for shot in shots]
        print_json({"result": str(result), "clip": str(clip), "shots": values})
        return 0
    for shot in shots:
        print_line(
            f"frames {shot.first} to {shot.last}: warping error {_text(shot.warping_error)} "
            f"({_text(shot.ratio)} times the content's own), drift {_text(shot.drift)}, "
            f"style distance {shot.style_distance:.4g}"
        )
    return 0


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
