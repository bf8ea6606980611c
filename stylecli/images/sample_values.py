"""Sample range: which numbers of a file are black and white, by one rule for every sample type."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
# Bits that pictures in wider samples really have: a mask of 0 and 1, cameras, scanners.
_USUAL_BITS: Final = (1, 8, 10, 12, 14, 16, 24)
_OVERSHOOT: Final = 0.1  # of white: what resampling and denoising leave beyond the range
_HIGHLIGHTS: Final = 16.0  # floats: 255 is taken for white only where values are past this
_OUTLIERS: Final = 0.1  # per cent of the floats at either end that have no say in the range
_PROBES: Final = 2**20  # values that the range of floats is estimated from


@dataclass(frozen=True)
class SampleRange:
    """Black and white of a file's numbers, and whether the file's type alone says so."""

    black: float
    white: float
    stated: bool


def sample_range(values: Numbers, bits: int | None = None) -> SampleRange:
    """The range of samples of any type, from the type and, where it says too little, the values.

    ==========================  =======================================================  ====
    samples                     black and white                                          note
    ==========================  =======================================================  ====
    unsigned, up to 16 bits     0 and 2^bits - 1                                         no
    unsigned, 32 bits           0 and 2^k - 1, k the bits in use: the least of 1, 8, 10,  if
                                12, 14, 16, 24 and 32 that holds all values              k < 32
    signed                      the same, k up to one less than the type's bits          yes
    signed, negative past -10 % -2^(k-1) and 2^(k-1) - 1, k from 8 to the type's bits    yes
    float, up to 1              0 and 1, also with highlights: up to 16                  if clipped
    float, beyond               0 and 2^k - 1, k the bits in use, at least 8             yes
    float, negative past -10 %  the same white, and black at its negative                yes
    NaN                         black                                                    yes
    infinity                    white; negative infinity: black                          yes
    ==========================  =======================================================  ====

    Values beyond the range are clipped. For floats "all values" are 99.9 % of the finite ones,
    up to 10 % past white: resampling overshoots. `bits` are those that the file says an unsigned
    sample has, where they are fewer than the type's.
    """
    kind, width = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "f":
        return _float_range(values)
    if kind == "u" and width <= 16:
        return SampleRange(0.0, 2.0 ** (bits or width) - 1.0, stated=True)
    low, high = int(values.min()), int(values.max())
    if low < -_OVERSHOOT * high:
        used = max(8, _bits_in_use(2 * max(-low, high + 1) - 1, width))
        return SampleRange(-(2.0 ** (used - 1)), 2.0 ** (used - 1) - 1.0, stated=False)
    widest = width if kind == "u" else width - 1
    used = _bits_in_use(high, widest)
    return SampleRange(0.0, 2.0**used - 1.0, stated=kind == "u" and used == widest)


def to_unit_range(values: Numbers, bits: int | None = None) -> tuple[NDArray[np.float32], str]:
    """Samples as float32 in [0, 1] by `sample_range`, and a note where it was not stated."""
    span = sample_range(values, bits)
    unit = values.astype(np.float32)
    unit -= np.float32(span.black)
    unit /= np.float32(span.white - span.black)
    missing = int(np.isnan(unit).sum())
    clipped = missing > 0 or bool(unit.min() < -1e-6 or unit.max() > 1 + 1e-6)
    np.nan_to_num(unit, copy=False, nan=0.0)
    np.clip(unit, 0.0, 1.0, out=unit)
    if span.stated and not clipped:
        return unit, ""
    note = f"its values were read with {span.black:.10g} as black and {span.white:.10g} as white"
    if missing:
        note += f", and {missing} that are no numbers as black"
    return unit, f"{note}, and clipped" if clipped and not missing else note


def _float_range(values: Numbers) -> SampleRange:
    probes = values.ravel()[:: max(1, values.size // _PROBES)]
    probes = probes[np.isfinite(probes)]
    if not probes.size:
        return SampleRange(0.0, 1.0, stated=True)
    low, high = np.percentile(probes, (_OUTLIERS, 100.0 - _OUTLIERS))
    peak = max(high, -low)
    limit = 1.0 + _OVERSHOOT if low < -_OVERSHOOT * max(high, 1.0) else _HIGHLIGHTS
    used = 1 if peak <= limit else max(8, _bits_in_use(int(peak / (1.0 + _OVERSHOOT)), 32))
    white = 2.0**used - 1.0
    black = -white if low < -_OVERSHOOT * white else 0.0
    return SampleRange(black, white, stated=used == 1 and black == 0.0)


def _bits_in_use(peak: int, widest: int) -> int:
    """The least usual number of bits that holds a value, at most `widest`."""
    usual = (bits for bits in _USUAL_BITS if bits < widest and peak < 2**bits)
    return next(usual, widest)
