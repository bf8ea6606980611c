"""Color tags: what a file without a profile says of its colors, as a matrix profile.

In this order, as PNG's third edition has it: cICP (PNG; `nclx` in AVIF and HEIC), sRGB, gAMA and
cHRM (PNG; white point and primaries in TIFF), then EXIF's color space.
"""

import functools
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylecli.images.exif import EXIF_IFD
from stylecli.images.icc_matrix import GRID, Shaper, srgb_light

Floats = NDArray[np.float64]
Primaries = tuple[float, ...]  # x and y of white, red, green and blue, as in a cHRM chunk

CICP: Final = "cicp"  # key of `Image.info`: primaries, transfer, matrix, full range (H.273)

_D65: Final = (0.3127, 0.329)
_SRGB: Final = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_ADOBE_RGB: Final = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_PRIMARIES: Final[Mapping[int, Primaries]] = {  # H.273, table 2
    1: _SRGB,
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_UNSPECIFIED: Final = 2
_PQ: Final = 16
_HLG: Final = 18
_WHITE: Final = 203.0  # cd/m² of white in HDR (BT.2408)
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50: Final = np.array([0.9642, 1.0, 0.8249])

_INTEROP_IFD: Final = 40965
_COLOR_SPACE: Final = 40961
_UNCALIBRATED: Final = 65535
_ADOBE_CODE: Final = 2  # not in the standard, and written by some cameras
_WHITE_POINT: Final = 318  # TIFF tags
_PRIMARY_CHROMATICITIES: Final = 319

HDR: Final = (
    "it is an HDR picture ({}), read with 203 cd/m² as white; brighter highlights were clipped"
)
IGNORED: Final = "its color tag {} makes no sense or is not supported, and was ignored"
UNCALIBRATED: Final = "its EXIF says its colors are not sRGB but not which; they were read as sRGB"


def shaper_of_tags(
    image: Image.Image, exif: Image.Exif, *, gray: bool
) -> tuple[Shaper | None, tuple[str, ...]]:
    """The colors of an image without a profile; `None` where they are sRGB, or nothing says.

    A gamma of 1/2.2 within 5 % is sRGB's curve where the primaries are, too: the chunk cannot say
    more.
    """
    try:
        if (cicp := image.info.get(CICP)) is not None:
            return _of_cicp(tuple(cicp), gray=gray)
        if "srgb" in image.info:
            return None, ()
        gamma = image.info.get("gamma")
        primaries = image.info.get("chromaticity") or _tiff_primaries(image)
        if gamma is not None or primaries is not None:
            primaries = primaries or _SRGB
            return _shaper(_gamma_curve(gamma, primaries), primaries, gray=gray), ()
    except (TypeError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        return None, (IGNORED.format("of gamma, primaries or cICP"),)
    space = exif.get_ifd(EXIF_IFD).get(_COLOR_SPACE) if EXIF_IFD in exif else None
    if space not in (_UNCALIBRATED, _ADOBE_CODE):
        return None, ()
    interop = str(exif.get_ifd(_INTEROP_IFD).get(1, "")).strip("\0 ")
    if interop == "R03" or space == _ADOBE_CODE:
        return _shaper(GRID ** (563 / 256), _ADOBE_RGB, gray=gray), ()
    return None, (UNCALIBRATED,)


def _of_cicp(cicp: tuple[int, ...], *, gray: bool) -> tuple[Shaper | None, tuple[str, ...]]:
    primaries, transfer, _, full_range = cicp
    chromaticities = _PRIMARIES.get(1 if primaries == _UNSPECIFIED else primaries)
    curve = _transfer(13 if transfer == _UNSPECIFIED else transfer)
    if chromaticities is None or curve is None or not full_range:
        return None, (IGNORED.format(f"cICP {'/'.join(map(str, cicp))}"),)
    notes = (HDR.format("PQ" if transfer == _PQ else "HLG"),) if transfer in (_PQ, _HLG) else ()
    return _shaper(curve, chromaticities, gray=gray), notes


@functools.cache
def _transfer(code: int) -> Floats | None:
    """The linear light of every 16-bit sample, 1 for white (H.273, table 3)."""
    if code in (1, 6, 14, 15):  # the inverse of BT.709's camera curve
        curve = np.where(GRID < 0.081, GRID / 4.5, ((GRID + 0.099) / 1.099) ** (1 / 0.45))
    elif code in (4, 5, 8):
        curve = GRID ** {4: 2.2, 5: 2.8, 8: 1.0}[code]
    elif code == 13:
        curve = srgb_light(GRID)
    elif code == _PQ:  # SMPTE ST 2084
        root = GRID ** (32 / 2523)
        curve = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
        curve = curve ** (8192 / 1305) * (10000.0 / _WHITE)
    elif code == _HLG:  # BT.2100, its system gamma on each channel: exact for grays
        upper = (np.exp((GRID - 0.55991073) / 0.17883277) + 0.28466892) / 12
        curve = np.where(GRID <= 0.5, GRID**2 / 3, upper) ** 1.2 * (1000.0 / _WHITE)
    else:
        return None
    return curve


def _gamma_curve(gamma: float | None, primaries: Primaries) -> Floats:
    """Linear light by a gAMA chunk, whose value is the encoder's exponent."""
    if gamma is None or (abs(gamma * 2.2 - 1.0) < 0.05 and _are_srgb(primaries)):
        return srgb_light(GRID)
    if not 0.1 <= gamma <= 10.0:
        raise ValueError("no gamma of a picture")
    return np.asarray(GRID ** (1.0 / gamma), np.float64)


def _shaper(curve: Floats, primaries: Primaries, *, gray: bool) -> Shaper | None:
    """`None` where it is sRGB, but for rounding."""
    plain_curve = np.abs(curve - srgb_light(GRID)).max() < 1e-6
    if plain_curve and (gray or _are_srgb(primaries)):
        return None
    if gray:
        return Shaper(curve[None], None)
    return Shaper(np.stack([curve] * 3), _to_xyz(primaries))


def _are_srgb(primaries: Primaries) -> bool:
    return bool(np.allclose(primaries, _SRGB, atol=2e-3))


def _to_xyz(primaries: Primaries) -> Floats:
    """The matrix from linear RGB to XYZ under D50, adapted by Bradford's transform."""
    x, y = np.array(primaries, np.float64).reshape(4, 2).T
    if not (np.isfinite(x).all() and (y > 1e-3).all() and (x + y <= 1.2).all() and (x >= 0).all()):
        raise ValueError("no chromaticities of a picture")
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    white, colors = columns[:, 0], columns[:, 1:]
    matrix = colors * np.linalg.solve(colors, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: Floats = np.linalg.inv(_BRADFORD) @ (scale[:, None] * (_BRADFORD @ matrix))
    return adapted


def _tiff_primaries(image: Image.Image) -> Primaries | None:
    tags = getattr(image, "tag_v2", {})
    white, primaries = tags.get(_WHITE_POINT), tags.get(_PRIMARY_CHROMATICITIES)
    if white is None or primaries is None:
        return None
    return tuple(float(value) for value in (*white, *primaries))


def cicp_of_boxes(head: bytes) -> tuple[int, int, int, int] | None:
    """The `nclx` color box at the head of an AVIF or HEIC file, which holds what a cICP chunk does.

    For samples that a decoder has brought to RGB in full range.
    """
    values = head.partition(b"colrnclx")[2][:4]
    if len(values) < 4:
        return None
    return int.from_bytes(values[:2], "big"), int.from_bytes(values[2:], "big"), 0, 1
