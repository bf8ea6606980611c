"""Color profiles made of tone curves and a matrix, applied at full precision.

ImageCms converts 8 bits a channel only. The profiles that 16-bit pictures carry (Adobe RGB,
Display P3, ProPhoto, grays with a gamma) are nearly always of this simple kind, which takes a
look-up and a matrix product (ICC.1:2022, sections 8.3, 10.6, 10.18 and F.3).
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID: Final = np.linspace(0.0, 1.0, 65536)  # every value a 16-bit sample can have
_MAX_TAGS: Final = 200
_BLOCK: Final = 2**20  # samples converted at a time


@dataclass(frozen=True)
class Shaper:
    """Tone curves and a matrix from device values to XYZ under D50.

    `curves` is (C, 65536), the linear light of every 16-bit sample, 1 for white; C is 1 for gray,
    whose `matrix` is `None`, or 3 with a (3, 3) matrix.
    """

    curves: Floats
    matrix: Floats | None


def parse_shaper(profile: bytes) -> Shaper | None:
    """Read a matrix or gray profile; `None` for any other kind, and for a damaged one."""
    try:
        space, connection = profile[16:20], profile[20:24]
        tags = _tags(profile)
        if connection != b"XYZ " or {b"A2B0", b"A2B1"} & tags.keys():
            return None
        if space == b"GRAY":
            return Shaper(_curve(tags[b"kTRC"])[None], None)
        if space != b"RGB ":
            return None
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        return Shaper(curves, np.stack(columns, 1))
    except (struct.error, KeyError, ValueError, IndexError, OverflowError):
        return None


def apply_shaper(
    shaper: Shaper, samples: NDArray[np.uint8] | NDArray[np.uint16], target: Shaper
) -> NDArray[np.float32]:
    """Convert samples (H, W, C) into sRGB (H, W, C) float32 in [0, 1]; `target` is sRGB's own.

    Colors outside sRGB are clipped, as with relative colorimetric intent. Some rows at a time,
    so that it takes the memory of its result alone.
    """
    step = 257 if samples.dtype == np.uint8 else 1  # 255 is the curves' last entry, too
    curves = shaper.curves.astype(np.float32)[:, ::step]
    change = None
    if shaper.matrix is not None and target.matrix is not None:
        change = (np.linalg.inv(target.matrix) @ shaper.matrix).T.astype(np.float32)
    converted = np.empty(samples.shape, np.float32)
    rows = max(1, _BLOCK // (samples.shape[1] * samples.shape[2]))
    for top in range(0, samples.shape[0], rows):
        block = samples[top : top + rows]
        linear = np.stack([curve[block[..., i]] for i, curve in enumerate(curves)], -1)
        linear = linear if change is None else linear @ change
        converted[top : top + rows] = _encode(linear.clip(0.0, 1.0))
    return converted


def srgb_light(values: Floats) -> Floats:
    """Linear light of sRGB values (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encode(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light to sRGB values (IEC 61966-2-1)."""
    gamma = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= 0.0031308, np.float32(12.92) * linear, gamma)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _MAX_TAGS:
        raise ValueError("too many tags")
    entries = struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count])
    return {name: profile[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes) -> Floats:
    return np.array(struct.unpack_from(">iii", tag, 8)) / 65536.0


def _curve(tag: bytes) -> Floats:
    """A tone curve at every 16-bit value: a table, a gamma, or a parametric curve."""
    if tag[:4] == b"para":
        return _parametric(tag)
    if tag[:4] != b"curv":
        raise ValueError("unknown kind of curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return GRID
    if count == 1:
        return _power(GRID, struct.unpack_from(">H", tag, 12)[0] / 256.0)
    table = np.frombuffer(tag, ">u2", count, 12) / 65535.0
    return np.interp(GRID, np.linspace(0.0, 1.0, count), table)


def _parametric(tag: bytes) -> Floats:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError("unknown parametric curve")
    values = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
    g, a, b, c, d, e, f = ([v / 65536.0 for v in values] + [0.0] * 7)[:7]
    if kind == 0:
        return _power(GRID, g)
    if kind == 2:  # c is added on both sides of the break, which is where the power reaches 0
        c, e, f = 0.0, c, c
    if kind in (1, 2):
        d = -b / a if a else 0.0
    power = _power(np.maximum(a * GRID + b, 0.0), g) + e
    joined: Floats = np.where(d <= GRID, power, c * GRID + f)
    return joined.clip(0.0, 1.0)


def _power(base: Floats, exponent: float) -> Floats:
    if not 0.0 < exponent < 100.0:
        raise ValueError("no gamma of a picture")
    return np.asarray(base**exponent, np.float64)
