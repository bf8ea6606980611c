"""Cuts: where one shot ends and the next begins, from differences of small HSV frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stylecli.video.clip import ClipFrame, Pixels
from stylecli.video.extras import import_cv2

LONG_SIDE: Final = 160
LEAST: Final = 15.0  # mean absolute difference of 8-bit HSV; below it no cut was seen
RATIO: Final = 3.0  # to the mean of the two differences before and the two after: fast motion
NEIGHBORS: Final = 2


@dataclass(frozen=True)
class Scan:
    """One reading of a clip: times of its frames, and how each differs from the one before."""

    pts: tuple[int, ...]
    durations: tuple[int, ...]
    differences: tuple[float, ...]


def scan_clip(frames: Iterable[ClipFrame]) -> Scan:
    """Read all frames once, keeping of each its times and its difference alone."""
    before: NDArray[Any] | None = None
    pts, durations, differences = [], [], []
    for frame in frames:
        small = small_hsv(frame.pixels)
        if before is not None:
            differences.append(float(np.abs(small - before).mean()))
        before = small
        pts.append(frame.pts)
        durations.append(frame.duration)
    return Scan(tuple(pts), tuple(durations), tuple(differences))


def small_hsv(pixels: Pixels) -> NDArray[Any]:
    """A frame in HSV (OpenCV's ranges), its long side 160 pixels, as int16."""
    cv2 = import_cv2()
    height, width = pixels.shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    eight = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    small = cv2.resize(eight, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), np.int16)


def find_cuts(differences: Sequence[float]) -> list[int]:
    """Numbers of the frames that begin a shot, the first of all left out.

    `differences[n]` is that of frames n and n + 1. A cut stands out of its neighborhood; fast
    motion and a flickering light are as different, but go on.
    """
    cuts = []
    for n, value in enumerate(differences):
        around = [
            *differences[max(0, n - NEIGHBORS) : n],
            *differences[n + 1 : n + 1 + NEIGHBORS],
        ]
        mean = sum(around) / len(around) if around else 0.0
        if value >= LEAST and value >= RATIO * mean:
            cuts.append(n + 1)
    return cuts


def split_shots(numbers: Sequence[int], cuts: Iterable[int]) -> list[tuple[int, ...]]:
    """Frames in order, divided before each cut; a shot of which no frame is left is none."""
    shots: list[list[int]] = []
    starts = sorted(cuts)
    passed = -1
    for number in numbers:
        begun = sum(start <= number for start in starts)
        if begun != passed:
            shots.append([])
            passed = begun
        shots[-1].append(number)
    return [tuple(shot) for shot in shots]
