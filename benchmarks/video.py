"""Steadiness, time and memory of a clip at several --temporal, against frames made alone (0).

    python benchmarks/video.py CLIP STYLE [--size 192] [--to 0.4] [--temporal 0 0.3 0.5 0.7]
    python benchmarks/video.py PHOTO STYLE --render object --frames 100 --temporal 0.5

From a PHOTO a clip is rendered: `pan`, a window that moves over it, or `object`, a disk of it that
moves before it, while the rest stands still. Seconds are of the processor, on one thread, so other
work on the machine does not count. A line for each value and shot:

- CPU seconds of a later frame (with 0, of a first one), and the share of flow and masks
- warping error, and its ratio to the content's own; drift against the shot's first frame
- style distance of frames of the shot, in the encoders of `--judge`
- where at least a tenth of the content stands still: mean luminance there, last frame less first
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from stylecli.images.reading import read_picture
from stylecli.recognition.matching import open_metric
from stylecli.settings import Compute, Settings
from stylecli.video.clip import ClipFormat
from stylecli.video.clip_writer import Timed, encode_clip
from stylecli.video.container_clip import ContainerClip
from stylecli.video.encoding import Encoding
from stylecli.video.frame_store import FrameStore
from stylecli.video.motion import MotionTracker
from stylecli.video.shots import as_tensor
from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_measures import Steadiness, measure_clip
from stylecli.video.video_run import run_video

LOSSLESS: Final = Encoding("ffv1", audio=False)
RATE: Final = Fraction(25)
STEP: Final = 2  # pixels a frame of a rendered motion
STILL: Final = 3  # levels of 8 bits by which a still place may change
LUMINANCE: Final = torch.tensor([0.2126, 0.7152, 0.0722])[:, None, None]


@dataclass
class Stopwatch:
    """CPU time when each frame was written, and spent on motion."""

    ends: list[float] = field(default_factory=list)
    motion: float = 0.0

    def watch(self) -> None:
        """Take the time of all runs to come."""
        write, advance = FrameStore.write, MotionTracker.advance

        def timed_write(*values: Any) -> None:
            write(*values)
            self.ends.append(time.process_time())

        def timed_advance(*values: Any) -> Any:
            started = time.process_time()
            motions = advance(*values)
            self.motion += time.process_time() - started
            return motions

        setattr(FrameStore, "write", timed_write)  # noqa: B010
        setattr(MotionTracker, "advance", timed_advance)  # noqa: B010


def main() -> None:
    """Cut or render a piece, make it at each --temporal, then measure what came out."""
    options = parsed_options()
    torch.set_num_threads(1)
    watch = Stopwatch()
    watch.watch()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        piece = folder / "piece.mkv"
        (render if options.render else cut)(options, piece)
        outputs = {}
        for temporal in options.temporal:
            outputs[temporal] = folder / f"painted{temporal:g}.mkv"
            make(options, piece, outputs[temporal], temporal, watch)
        for temporal, output in outputs.items():
            measure(options, piece, output, temporal)
            if options.sheet:
                draw(output, Path(f"{options.sheet}-{temporal:g}.png"))


def parsed_options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--to", type=float, default=0.4)
    parser.add_argument("--render", choices=("pan", "object"))
    parser.add_argument("--frames", type=int, default=100, help="of a rendered clip")
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--quality", default="normal")
    parser.add_argument("--temporal", type=float, nargs="*", default=[0.0, 0.3, 0.5, 0.7])
    parser.add_argument("--judge", nargs="*", default=["compact", "vgg19"])
    parser.add_argument("--sheet", help="keep contact sheets as SHEET-TEMPORAL.png")
    return parser.parse_args()


def make(
    options: argparse.Namespace, piece: Path, output: Path, temporal: float, watch: Stopwatch
) -> None:
    """Make the piece at one --temporal, and print time and memory."""
    job = VideoJob(
        clip=piece,
        styles=(options.style,),
        output=output,
        settings=Settings(
            size=options.size, iterations=options.iterations, quality=options.quality
        ),
        sequencing=Sequencing(temporal=temporal),
        encoding=LOSSLESS,
    )
    before, watch.motion = len(watch.ends), 0.0
    started = time.process_time()
    result = run_video(job, on_message=lambda _: None, on_share=lambda *_: None)
    whole = time.process_time() - started
    ends = watch.ends[before:]
    steps = np.diff(ends)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"temporal {temporal:g}: {result.frames} frames in {result.shots} shot(s), "
        f"{np.median(steps):.2f} s a later frame (median), motion {watch.motion / whole:.1%} of "
        f"{whole:.0f} s, peak memory so far {memory:.2f} GiB",
        flush=True,
    )


def measure(options: argparse.Namespace, piece: Path, output: Path, temporal: float) -> None:
    """Print steadiness of each shot, and drift of luminance where nothing moves."""
    style = read_picture(options.style).pixels
    clips = ContainerClip(output), ContainerClip(piece)
    for judge in options.judge:
        metric, _ = open_metric(judge, Compute())
        for shot in measure_clip(*clips, style, metric, lambda _: None):
            print_steadiness(temporal, shot, judge)
    if (drift := luminance_drift(*clips)) is not None:
        print(f"temporal {temporal:g}: luminance where nothing moves, {drift}", flush=True)


def print_steadiness(temporal: float, shot: Steadiness, judge: str) -> None:
    """Print a line for one shot."""
    print(
        f"temporal {temporal:g}, frames {shot.first} to {shot.last}: warping error "
        f"{shot.warping_error or 0.0:.6f}, ratio {shot.ratio or 0.0:.2f}, drift "
        f"{shot.drift or 0.0:.5f}, style distance {shot.style_distance:.4f} ({judge})",
        flush=True,
    )


def luminance_drift(made: ContainerClip, content: ContainerClip) -> str | None:
    """Change of mean luminance against the first frame on the places where the content is still."""
    contents = np.stack([frame.pixels for frame in content.frames()]).astype(np.int16)
    still = (abs(contents - contents[0]) <= STILL).all((0, 3))
    if still.mean() < 0.1:
        return None
    weight = torch.from_numpy(still).float()[None, None]
    levels = []
    for frame in made.frames():
        image = as_tensor(frame.pixels)
        small = torch.nn.functional.interpolate(weight, image.shape[-2:], mode="area")[0, 0] == 1
        levels.append(float((image * LUMINANCE).sum(0)[small].mean()))
    changes = np.array(levels) - levels[0]
    farthest = changes[abs(changes).argmax()]
    return f"{still.mean():.0%}: last less first {changes[-1]:+.4f}, farthest {farthest:+.4f}"


def cut(options: argparse.Namespace, path: Path) -> None:
    """Write the frames of the clip from --start to --to, losslessly."""
    clip = ContainerClip(options.clip)
    base = clip.format.time_base
    frames: Iterator[Timed] = (
        (frame.pixels, frame.pts, frame.duration)
        for frame in clip.frames()
        if options.start <= frame.pts * base < options.to
    )
    encode_clip(path, frames, clip.format, LOSSLESS)


def render(options: argparse.Namespace, path: Path) -> None:
    """Write a clip of a photo: a window that pans, or a disk of it that moves before it."""
    with Image.open(options.clip) as image:
        photo = image.convert("RGB")
    scale = 2 * options.size / min(photo.size)
    photo = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    pixels = np.asarray(photo)
    width, height = options.size, options.size * 3 // 4

    def frames() -> Iterator[Timed]:
        for number in range(options.frames):
            x = reflected(STEP * number, pixels.shape[1] - width)
            if options.render == "pan":
                yield np.ascontiguousarray(pixels[20 : 20 + height, x : x + width]), number, 1
                continue
            frame = pixels[20 : 20 + height, :width].copy()
            radius = height // 4
            rows, columns = np.mgrid[-radius:radius, -radius:radius]
            disk = rows**2 + columns**2 < radius**2
            left, top = reflected(STEP * number, width - 2 * radius), height // 4
            patch = pixels[-2 * radius :, -2 * radius :]
            frame[top : top + 2 * radius, left : left + 2 * radius][disk] = patch[disk]
            yield frame, number, 1

    encode_clip(path, frames(), ClipFormat((height, width), 1 / RATE, RATE), LOSSLESS)


def reflected(place: int, most: int) -> int:
    """A place that goes to and fro from 0 to `most`."""
    return most - abs(place % (2 * most) - most)


def draw(clip: Path, path: Path, columns: int = 6) -> None:
    """Write a contact sheet of at most 24 frames of a clip, evenly spaced."""
    frames = [frame.pixels for frame in ContainerClip(clip).frames()]
    chosen = [frames[n] for n in sorted({*np.linspace(0, len(frames) - 1, 24).round().astype(int)})]
    chosen += [np.zeros_like(chosen[0])] * (-len(chosen) % columns)
    rows = [np.hstack(chosen[n : n + columns]) for n in range(0, len(chosen), columns)]
    Image.fromarray(np.vstack(rows)).save(path)


if __name__ == "__main__":
    main()
