"""Clips that are pictures in a folder, or of a numbered pattern such as `shot.%04d.png`."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from stylecli.errors import InputError
from stylecli.images.discovery import find_pictures
from stylecli.images.reading import read_picture
from stylecli.messages import escaped
from stylecli.video.clip import ClipFormat, ClipFrame, Pixels
from stylecli.video.numbered_names import NUMBER, is_pattern

_TICKS: Final = 1000  # of the time base in the unit of the frame rate's denominator


@dataclass(frozen=True)
class PictureClip:
    """Pictures as a clip of `rate` frames a second, in the order of their names' numbers."""

    path: Path
    rate: Fraction = Fraction(25)

    @functools.cached_property
    def files(self) -> tuple[Path, ...]:
        """The pictures. Raises `InputError` where there are none."""
        if not is_pattern(self.path):
            return tuple(find_pictures([str(self.path)], recursive=False))
        before, after = NUMBER.split(self.path.name)[::2]
        named = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
        folder = self.path.parent
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        numbers = {int(match[1]): name for name in names if (match := named.fullmatch(name))}
        if not numbers:
            raise InputError(f"cannot read {escaped(self.path)}: no file has such a name.")
        return tuple(folder / numbers[number] for number in sorted(numbers))

    @functools.cached_property
    def format(self) -> ClipFormat:
        """Size of the first picture. Raises `InputError`."""
        height, width = next(self.frames()).pixels.shape[:2]
        return ClipFormat((height, width), 1 / (self.rate * _TICKS), self.rate)

    def frames(self) -> Iterator[ClipFrame]:
        """The pictures, in sRGB, without transparency. Raises `InputError`."""
        shape: tuple[int, ...] | None = None
        for number, path in enumerate(self.files):
            pixels = _read(path)
            if shape not in (None, pixels.shape):
                raise InputError(f"cannot read {escaped(path)}: the frame before has another size.")
            shape = pixels.shape
            yield ClipFrame(number, pixels, number * _TICKS, _TICKS)


def _read(path: Path) -> Pixels:
    picture = read_picture(path)
    deep = picture.meta.bits == 16
    scaled = (picture.pixels * (65535 if deep else 255)).round().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(scaled.astype(np.uint16 if deep else np.uint8))
