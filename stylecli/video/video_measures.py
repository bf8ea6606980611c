"""How steady a clip is: warping error, drift and style distance of each shot.

The warping error rewards blur, so it is never reported without the style distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from stylecli.errors import InputError
from stylecli.messages import escaped
from stylecli.recognition.metric import LONG_SIDE, Grams, PerceptualMetric
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.transfer.resample import Size, resize, resize_mask
from stylecli.transfer.results import OnFraction
from stylecli.video.clip import Clip, Pixels
from stylecli.video.cuts import find_cuts, scan_clip
from stylecli.video.motion import optical_flow, working_gray
from stylecli.video.reliability import reliability_mask
from stylecli.video.shots import as_tensor
from stylecli.video.warping import compose_flows, resize_flow, warp

STYLE_FRAMES: Final = 5  # of a shot, whose style distance is averaged


@dataclass(frozen=True)
class Steadiness:
    """Steadiness of a shot from frame `first` to `last`; errors are mean squares in [0, 1]².

    `warping_error` is Σ M‖warp(O_{t+1}, F_{t→t+1}) − O_t‖² / ΣM over all pairs, with flow and mask
    of the content (Lai et al. 2018, arXiv 1808.00449), `content_error` the content's own. `drift`
    is the same between all frames and the shot's first. `None` where nothing could be compared.
    """

    first: int
    last: int
    warping_error: float | None
    content_error: float | None
    drift: float | None
    style_distance: float

    @property
    def ratio(self) -> float | None:
        """Warping error in units of the content's own."""
        if self.warping_error is None or not self.content_error:
            return None
        return self.warping_error / self.content_error


@standard_state()
def measure_clip(
    result: Clip, clip: Clip, style: torch.Tensor, metric: PerceptualMetric, on_fraction: OnFraction
) -> list[Steadiness]:
    """Steadiness of each shot of a `result` that was made from all frames of `clip`.

    Raises `InputError`, also where the two have not as many frames.
    """
    scan = scan_clip(clip.frames())
    count = len(scan.pts)
    starts = {0, *find_cuts(scan.differences)}
    side = min(LONG_SIDE, max(result.format.size))
    wanted = metric.grams(style, side)
    shots: list[_Shot] = []
    number = -1
    for number, (made, content) in enumerate(zip(result.frames(), clip.frames(), strict=False)):
        if number in starts:
            shots.append(_Shot(number))
        shots[-1].add(as_tensor(made.pixels), content.pixels)
        on_fraction((number + 1) / count)
    if number + 1 != count or len(scan_clip(result.frames()).pts) != count:
        raise InputError(
            f"{escaped(result.path)} and {escaped(clip.path)} have not as many frames: compare a "
            "clip that was made without --from, --to and --every."
        )
    return [shot.measured(metric, wanted, side) for shot in shots]


@dataclass
class _Mean:
    """A mean of squares over the pixels of a mask."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, one: torch.Tensor, other: torch.Tensor, mask: torch.Tensor) -> None:
        self.total += float((mask * (one - other).square()).sum())
        self.weight += float(mask.sum())

    @property
    def value(self) -> float | None:
        return self.total / self.weight if self.weight else None


@dataclass(frozen=True)
class _Frame:
    """A frame of the result (3, H, W), the content's at that size, and in gray for the flow."""

    made: torch.Tensor
    content: torch.Tensor
    gray: Any


class _Shot:
    """Sums over a shot; of its frames only the first, the last and a few samples are kept."""

    def __init__(self, first: int) -> None:
        self.first, self.frames = first, 0
        self.steps, self.content_steps, self.drift = _Mean(), _Mean(), _Mean()
        self.samples: list[torch.Tensor] = []
        self._start: _Frame | None = None
        self._before: _Frame | None = None
        self._composed: tuple[torch.Tensor, torch.Tensor] | None = None  # to the first, and back

    def add(self, made: torch.Tensor, pixels: Pixels) -> None:
        size: Size = (made.shape[-2], made.shape[-1])
        content = resize(as_tensor(pixels)[None], size)[0]
        frame = _Frame(made, content, working_gray(pixels))
        if self._start is None or self._before is None:
            self._start = frame
        else:
            self._compare(self._start, self._before, frame, size)
        self._before = frame
        self.frames += 1
        self.samples.append(made)
        if len(self.samples) == 2 * STYLE_FRAMES:  # half as many, twice as far apart
            self.samples = self.samples[::2]

    def _compare(self, start: _Frame, before: _Frame, frame: _Frame, size: Size) -> None:
        there, back = optical_flow(before.gray, frame.gray), optical_flow(frame.gray, before.gray)
        flow, mask = _at(size, there, back)
        self.steps.add(warp(frame.made, flow), before.made, mask)
        self.content_steps.add(warp(frame.content, flow), before.content, mask)
        if self._composed is not None:
            to, away = self._composed
            back, there = compose_flows(back, to), compose_flows(away, there)
        self._composed = back, there
        flow, mask = _at(size, back, there)
        self.drift.add(warp(start.made, flow), frame.made, mask)

    def measured(self, metric: PerceptualMetric, wanted: Sequence[Grams], side: int) -> Steadiness:
        distances = [metric.style_distance(metric.grams(one, side), wanted) for one in self.samples]
        return Steadiness(
            self.first,
            self.first + self.frames - 1,
            self.steps.value,
            self.content_steps.value,
            self.drift.value,
            sum(distances) / len(distances),
        )


def _at(size: Size, flow: torch.Tensor, back: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A flow and its mask at the size of the result."""
    mask = reliability_mask(flow, back)
    return resize_flow(flow, size), resize_mask(mask[None], size)[0].clamp(0.0, 1.0)
