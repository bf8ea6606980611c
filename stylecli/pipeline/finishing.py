"""Finishing: the one step from an optimized image to the picture that is seen.

Colors, masks and alpha are applied here, for what is written, shown and measured alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from stylecli.images import color_transfer
from stylecli.images.alpha import on_white
from stylecli.images.picture import Picture
from stylecli.settings import Settings
from stylecli.transfer import Request
from stylecli.transfer.resample import Size, resize_mask, resize_visible
from stylecli.transfer.results import Progress, ProgressCallback, Result


@dataclass(frozen=True)
class Finishing:
    """Finishing of one job's images: the content's colors and alpha, in the masked part alone.

    `free` (1, H, W) is 0 where the content stays, as in `Request.free`. Without `keep_alpha`
    the picture is laid on white.
    """

    settings: Settings
    content: Picture
    free: torch.Tensor | None = None
    keep_alpha: bool = True

    def picture(self, image: torch.Tensor) -> torch.Tensor:
        """An optimized image (3, H, W) of any size as it is seen."""
        size = image.shape[-2], image.shape[-1]
        seen = self._recolored(image, size)
        alpha = None if self.keep_alpha else self._content_alpha(size)
        return seen if alpha is None else on_white(seen, alpha)

    def alpha(self, size: Size) -> torch.Tensor | None:
        """The alpha (1, *size) of a picture, or `None` where it is opaque."""
        return self._content_alpha(size) if self.keep_alpha else None

    def result(self, result: Result) -> Result:
        """A result with its picture finished."""
        size = result.image.shape[-2], result.image.shape[-1]
        return replace(result, image=self.picture(result.image), alpha=self.alpha(size))

    def _content_alpha(self, size: Size) -> torch.Tensor | None:
        alpha = self.content.alpha
        return None if alpha is None else resize_mask(alpha[None], size)[0].clamp(0.0, 1.0)

    def _recolored(self, image: torch.Tensor, size: Size) -> torch.Tensor:
        if self.settings.color not in ("content", "histogram"):
            return image
        visible = self.content.visible
        alpha = None if visible is None else visible[None]
        original = resize_visible(self.content.pixels[None], alpha, size)[0]
        if self.settings.color == "content":
            return color_transfer.transfer_luminance(image, original)
        free = None if self.free is None else resize_mask(self.free[None], size)[0]
        weight = None if alpha is None else resize_mask(alpha, size)[0]
        if free is not None:
            weight = free if weight is None else free * weight
        matched = color_transfer.match_histograms(image, original, weight)
        return matched if free is None else torch.lerp(image, matched, free)


def finishing_of(request: Request, content: Picture, *, keep_alpha: bool = True) -> Finishing:
    """The finishing of a request's images."""
    return Finishing(request.settings, content, request.free, keep_alpha)


def finished_progress(
    callback: ProgressCallback, finishings: Sequence[Finishing]
) -> ProgressCallback:
    """A progress callback to which every picture is shown finished."""

    def report(progress: Progress) -> None:
        def image(number: int = 0) -> torch.Tensor:
            return finishings[number].picture(progress.image(number))

        def alpha(number: int = 0) -> torch.Tensor | None:
            return finishings[number].alpha((progress.height, progress.width))

        callback(replace(progress, image=image, alpha=alpha))

    return report
