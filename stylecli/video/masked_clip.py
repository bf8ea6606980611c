"""A clip with a mask for each frame, which is a clip as well. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stylecli.errors import InputError
from stylecli.messages import escaped
from stylecli.video.clip import Clip, ClipFormat, ClipFrame


@dataclass(frozen=True)
class MaskedClip:
    """Frames of a clip with those of another, the masks, frame by frame."""

    base: Clip
    masks: Clip

    @property
    def path(self) -> Path:
        """The path of the clip itself."""
        return self.base.path

    @property
    def format(self) -> ClipFormat:
        """The format of the clip itself. Raises `InputError`."""
        return self.base.format

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of both."""
        return (*self.base.files, *self.masks.files)

    def frames(self) -> Iterator[ClipFrame]:
        """Frames with their masks. Raises `InputError`, too, where masks are fewer."""
        masks = self.masks.frames()
        for frame in self.base.frames():
            mask = next(masks, None)
            if mask is None:
                raise InputError(
                    f"the mask {escaped(self.masks.path)} ends after {frame.number} frames, before "
                    f"{escaped(self.path)} does: give one picture, or a mask for each frame."
                )
            yield replace(frame, mask=mask.pixels)
