"""Motion of a shot: optical flow to earlier frames, with masks of where it may be trusted."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from stylecli.transfer.resample import fit
from stylecli.video.clip import Pixels
from stylecli.video.extras import import_cv2
from stylecli.video.reliability import reliability_mask, without
from stylecli.video.warping import compose_flows

LONG_SIDE: Final = 960  # pixels, at most, at which flow is computed
REACH: Final = 10  # frames back of the second target, against drift
_LEAST_SIDE: Final = 16  # pixels under which DIS finds nothing to match


@dataclass(frozen=True)
class Motion:
    """Flow (2, h, w) of a frame to an earlier one, a place in the shot, and its mask (1, h, w).

    `seen` is the share of the picture that may be trusted, before nearer frames are taken off.
    """

    place: int
    flow: torch.Tensor
    mask: torch.Tensor
    seen: float


@dataclass
class _Track:
    """Flow from the current frame to an earlier one, and back."""

    place: int
    to: torch.Tensor
    back: torch.Tensor


class MotionTracker:
    """Motion tracker: takes the frames of a shot in order, and composes flows to earlier ones."""

    def __init__(self) -> None:
        self._before: Any = None
        self._tracks: list[_Track] = []
        self._place = -1

    def advance(self, pixels: Pixels) -> list[Motion]:
        """Motion to the frame before, to the one ten back, and to the first, as far as there are.

        Nearest first; each mask leaves out what a nearer frame shows.
        """
        gray, place = working_gray(pixels), self._place + 1
        if self._before is not None:
            to, back = optical_flow(gray, self._before), optical_flow(self._before, gray)
            for track in self._tracks:
                track.to, track.back = compose_flows(to, track.to), compose_flows(track.back, back)
            self._tracks.append(_Track(place - 1, to, back))
            self._tracks = [t for t in self._tracks if t.place == 0 or place - t.place <= REACH]
        self._before, self._place = gray, place
        return self._motions([place - 1, place - REACH, 0])

    def _motions(self, places: list[int]) -> list[Motion]:
        tracks = {track.place: track for track in self._tracks}
        motions: list[Motion] = []
        for place in dict.fromkeys(place for place in places if place in tracks):
            track = tracks[place]
            mask = reliability_mask(track.to, track.back)
            rest = without(mask, *(motion.mask for motion in motions))
            motions.append(Motion(place, track.to, rest, float(mask.mean())))
        return motions


def working_gray(pixels: Pixels) -> Any:
    """A frame in gray at the size at which flow is computed, (h, w) of uint8."""
    cv2 = import_cv2()
    eight = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    size = eight.shape[0], eight.shape[1]
    height, width = fit(size, min(LONG_SIDE, max(size)))
    least = max(1.0, _LEAST_SIDE / min(height, width))
    height, width = round(height * least), round(width * least)
    if (height, width) != size:
        eight = cv2.resize(eight, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(eight, cv2.COLOR_RGB2GRAY)


def optical_flow(one: Any, other: Any) -> torch.Tensor:
    """Dense flow (2, h, w) of one gray frame to another (Kroeger et al. 2016, arXiv 1603.03590).

    DIS at its medium preset gives the same bits with any number of threads.
    """
    cv2 = import_cv2()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = torch.from_numpy(dis.calc(one, other, None))
    return flow.permute(2, 0, 1).contiguous()
