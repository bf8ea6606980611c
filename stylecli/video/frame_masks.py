"""Masks of a clip's frames: which parts may change, and which of the past were painted."""

import torch

from stylecli.errors import InputError
from stylecli.images.masks import covers, is_gray
from stylecli.job import JobOptions
from stylecli.messages import escaped
from stylecli.transfer.resample import Size, resize_mask
from stylecli.video.motion import REACH
from stylecli.video.warping import sample


def check_colors(mask: torch.Tensor, options: JobOptions, number: int) -> None:
    """Raise `InputError` for a mask of a frame, (3, H, W), whose regions are not sure.

    Without masks of the styles regions count by their brightness, and a color that is missing from
    one frame would give its style to the next one.
    """
    if not options.style_masks and not is_gray(mask):
        raise InputError(
            f"the mask {escaped(options.mask or '')} has colors in frame {number}: give a "
            "--style-mask for each style, so that colors say which is which; or gray masks."
        )


def is_blank(mask: torch.Tensor, options: JobOptions, styles: int) -> bool:
    """Whether a mask of a frame, (3, H, W), leaves nothing to paint: black, with one style."""
    return styles == 1 and not options.style_masks and not covers(mask.mean(0))


class PaintedParts:
    """Which parts of the frames of a shot were painted: masks (1, H, W), `None` for all of it."""

    def __init__(self) -> None:
        self._masks: dict[int, torch.Tensor | None] = {}
        self._place = -1

    def advance(self, mask: torch.Tensor | None) -> None:
        """Add the next frame of the shot, and forget those that no motion reaches."""
        self._place += 1
        self._masks[self._place] = mask
        self._masks.pop(self._place - REACH - 1 if self._place > REACH + 1 else -1, None)

    def trusted(self, place: int, flow: torch.Tensor, size: Size) -> torch.Tensor | float:
        """1 where an earlier frame was painted, moved to this one, or where this one is not."""
        before, now = self._masks.get(place), self._masks.get(self._place)
        if before is None:
            return 1.0
        moved = sample(resize_mask(before[None], size)[0], flow)
        kept = 0.0 if now is None else 1.0 - resize_mask(now[None], size)[0]
        return torch.as_tensor(moved + kept).clamp(0.0, 1.0)
