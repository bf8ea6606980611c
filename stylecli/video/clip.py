"""A clip: its frames as arrays, in order, with their times; from a container or from pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # a help page loads this module, and should not wait for numpy
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[Any]"  # (H, W, 3), uint8 or uint16, sRGB


@dataclass(frozen=True)
class ClipFrame:
    """A frame, upright, with its number from 0; `pts` and `duration` count in the time base.

    `mask` is its own mask, where there is a clip of them.
    """

    number: int
    pixels: Pixels
    pts: int
    duration: int
    mask: "Pixels | None" = None


@dataclass(frozen=True)
class ClipFormat:
    """What the frames of a clip have in common: size (height, width) and unit of time.

    `sample_aspect` is the width of a pixel by its height, `audio` the codecs of sound tracks.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction = Fraction(1)
    audio: tuple[str, ...] = ()


class Clip(Protocol):
    """A clip that can be read from the beginning, any number of times."""

    @property
    def path(self) -> Path:
        """The path by which it was named."""

    @property
    def format(self) -> ClipFormat:
        """What the frames have in common. Raises `InputError`."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""

    def frames(self) -> Iterator[ClipFrame]:
        """All frames in the order in which they are shown. Raises `InputError`."""
