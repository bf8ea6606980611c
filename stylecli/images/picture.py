"""Picture: pixels, alpha and the metadata worth keeping."""

from dataclasses import dataclass
from typing import Literal

import torch

Bits = Literal[8, 16]


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Where a picture came from, and what its output inherits.

    `dpi` is (horizontal, vertical) in dots per inch. `exif` holds camera, copyright and date
    tags only. `bits` is the precision that the pixels were read with. `format` is Pillow's name
    of the file format, or "" for a picture from memory. `sha256` is the hex digest of the
    file's bytes, or of the pixels of a picture from memory.
    """

    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    bits: Bits = 8
    format: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture, upright and in sRGB.

    `pixels` is (3, H, W) float32 in [0, 1], gamma-encoded. `alpha` is (1, H, W) float32 in
    [0, 1], not premultiplied, or `None`. `notes` are sentences for the user on what was lost
    or ignored.
    """

    pixels: torch.Tensor
    alpha: torch.Tensor | None
    meta: Metadata
    notes: tuple[str, ...] = ()

    @property
    def visible(self) -> torch.Tensor | None:
        """Weights of the pixels (1, H, W), which are alpha; `None` where all of it is opaque."""
        return visible_of(self.alpha)

    @property
    def planes(self) -> torch.Tensor:
        """RGB as (3, H, W), or RGBA as (4, H, W) where some of it is not opaque."""
        return planes_of(self.pixels, self.alpha)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[-1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[-2])


def visible_of(alpha: torch.Tensor | None) -> torch.Tensor | None:
    """Weights of pixels (1, H, W), which are their alpha, or `None` where all of it is 1."""
    return None if alpha is None or float(alpha.min()) == 1.0 else alpha


def planes_of(pixels: torch.Tensor, alpha: torch.Tensor | None) -> torch.Tensor:
    """RGB (3, H, W), or RGBA (4, H, W) where alpha is not 1 throughout."""
    visible = visible_of(alpha)
    return pixels if visible is None else torch.cat([pixels, visible])
