"""Steadiness and time of a clip at several --temporal, against frames made alone (0).

    python benchmarks/video.py CLIP STYLE [--size 192] [--to 0.4] [--temporal 0 0.3 0.5 0.7]

Prints one line each: seconds a frame, warping error by the content's own, drift, style distance.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from stylecli.images.reading import read_picture
from stylecli.recognition.matching import open_metric
from stylecli.settings import Compute, Settings
from stylecli.video.container_clip import ContainerClip
from stylecli.video.encoding import Encoding
from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_measures import measure_clip
from stylecli.video.video_run import run_video


def main() -> None:
    """Cut a piece of the clip, then make and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--to", type=float, default=0.4)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--temporal", type=float, nargs="*", default=[0.0, 0.3, 0.5, 0.7])
    options = parser.parse_args()
    metric, _ = open_metric("compact", Compute())
    style = read_picture(options.style).pixels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        piece = cut(options, folder / "piece.mkv")
        job = VideoJob(
            clip=piece,
            styles=(options.style,),
            output=folder,
            settings=Settings(size=options.size, iterations=options.iterations),
            encoding=Encoding("ffv1", audio=False),
        )
        for temporal in options.temporal:
            output = folder / f"painted{temporal:g}.mkv"
            one = replace(job, output=output, sequencing=Sequencing(temporal=temporal))
            started = time.perf_counter()
            result = run_video(one, on_message=lambda _: None, on_share=lambda *_: None)
            seconds = (time.perf_counter() - started) / result.frames
            clips = ContainerClip(output), ContainerClip(piece)
            for shot in measure_clip(*clips, style, metric, lambda _: None):
                print(
                    f"temporal {temporal:g}, frames {shot.first} to {shot.last}: {seconds:.1f} s a "
                    f"frame, ratio {shot.ratio or 0.0:.2f}, drift {shot.drift or 0.0:.5f}, style "
                    f"distance {shot.style_distance:.3f}",
                    flush=True,
                )


def cut(options: argparse.Namespace, path: Path) -> Path:
    """The frames of the clip from --start to --to, losslessly."""
    from stylecli.video.clip_writer import encode_clip

    clip = ContainerClip(options.clip)
    base = clip.format.time_base
    frames = [
        (frame.pixels, frame.pts, frame.duration)
        for frame in clip.frames()
        if options.start <= frame.pts * base < options.to
    ]
    encode_clip(path, iter(frames), clip.format, Encoding("ffv1", audio=False))
    return path


if __name__ == "__main__":
    main()
