"""EXIF: orientation applied, harmless tags kept, everything that tells too much left behind."""

import contextlib
import math
from typing import Any, Final

import torch
from PIL import Image

ORIENTATION: Final = 274
USER_COMMENT: Final = 37510
EXIF_IFD: Final = 34665

# Camera, author and date. Not kept: GPS, thumbnails and maker notes (private, or false once the
# pixels change), orientation (applied), serial numbers and the owner's name.
_BASE_TAGS: Final = frozenset({271, 272, 306, 315, 33432})  # make, model, date, artist, rights
_EXIF_TAGS: Final = frozenset(
    {33434, 33437, 34855}  # exposure time, aperture, ISO
    | {36867, 36868, 36880, 36881, 36882, 37520, 37521, 37522}  # dates, offsets, fractions
    | {37386, 41989, 42035, 42036}  # focal length, the same in 35 mm, lens make and model
)
_MAX_TEXT: Final = 2000  # characters of one tag
_RESOLUTION: Final = (282, 283, 296)  # horizontal, vertical, unit
_DPI: Final = range(2, 100_001)  # 1 is what software writes that does not know


def upright(image: torch.Tensor, orientation: int) -> torch.Tensor:
    """Turn (C, H, W) the way EXIF orientation 1..8 says; other values change nothing."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(-1, -2)
    if orientation in (2, 3, 6, 7):
        image = image.flip(-1)
    if orientation in (3, 4, 7, 8):
        image = image.flip(-2)
    return image


def read_exif(image: Image.Image) -> Image.Exif:
    """A picture's EXIF; empty where there is none, or where it is damaged."""
    try:
        exif = image.getexif()
        exif.get_ifd(EXIF_IFD)
    except Exception:  # as many kinds as there are ways to damage it; pixels matter more
        return Image.Exif()
    return exif


def orientation_of(exif: Image.Exif) -> int:
    """The orientation tag, 1 where there is none or it makes no sense."""
    value = exif.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def safe_exif(exif: Image.Exif) -> bytes | None:
    """Only the harmless tags, serialized, or `None` where none is left."""
    try:
        return serialized(_filtered(exif))
    except Exception:  # a value that contradicts its tag's type
        return None


def serialized(exif: Image.Exif) -> bytes | None:
    """EXIF as bytes that begin with `Exif`, or `None` where it is empty."""
    return exif.tobytes() if len(exif) or exif.get_ifd(EXIF_IFD) else None


def build_exif(
    kept: bytes | None, *, comment: bytes | None, dpi: tuple[float, float] | None
) -> Image.Exif:
    """EXIF for an output: kept tags (filtered again), a user comment, the resolution."""
    exif = Image.Exif()
    if kept:
        with contextlib.suppress(Exception):  # damaged: the picture is worth more than its date
            exif.load(kept)
            exif = _filtered(exif)
    if comment is not None:
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = comment
    if dpi is not None:
        exif.update(dict(zip(_RESOLUTION, (*dpi, 2), strict=True)))
    return exif


def dpi_of(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    """Dots per inch, horizontal and vertical, where the file states something plausible."""
    dpi = image.info.get("dpi")
    if image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2):
        dpi = None  # Pillow makes up 72 where EXIF says nothing
    if dpi is None and exif.get(_RESOLUTION[2], 2) in (2, 3):
        unit = 2.54 if exif.get(_RESOLUTION[2]) == 3 else 1.0
        with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
            dpi = tuple(float(exif[tag]) * unit for tag in _RESOLUTION[:2] if tag in exif)
    try:
        x, y = (float(value) for value in dpi or ())
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if _plausible(x) and _plausible(y) else None


def _plausible(dpi: float) -> bool:
    return math.isfinite(dpi) and _DPI.start <= dpi < _DPI.stop


def _filtered(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    kept.update({t: _as_read(exif[t]) for t in _BASE_TAGS if t in exif and _harmless(exif[t])})
    details = exif.get_ifd(EXIF_IFD)
    chosen = {t: _as_read(v) for t, v in details.items() if t in _EXIF_TAGS and _harmless(v)}
    if chosen:
        kept.get_ifd(EXIF_IFD).update(chosen)
    return kept


class _RawText(str):
    """Text written as the bytes it was read from: Pillow reads Latin-1, but writes ASCII."""

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


def _as_read(value: Any) -> Any:
    return _RawText(value) if isinstance(value, str) else value


def _harmless(value: Any) -> bool:
    """Text of sensible length, or a number that is one."""
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT
    try:
        return not isinstance(value, bytes | tuple) and math.isfinite(float(value))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return False
