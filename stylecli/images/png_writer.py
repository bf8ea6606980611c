"""A PNG encoder for 8 and 16 bits a channel.

Pillow writes no 16-bit color. PNG is small enough (chunks, five row filters, zlib) that some
eighty lines spare a dependency and serve both depths (W3C PNG specification, third edition).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_COLOR_TYPE: Final = {3: 2, 4: 6}
_BLOCK_BYTES: Final = 2**21  # rows filtered at a time, so that the filters' memory stays small
_METRE: Final = 39.37007874015748  # inches


def write_png(
    file: BinaryIO,
    samples: NDArray[Any],
    *,
    profile: bytes,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    text: tuple[str, str] | None = None,
) -> None:
    """Write (H, W, 3 or 4) uint8 or uint16 front to back; `text` is a keyword and a value."""
    height, width, channels = samples.shape
    depth = 8 * samples.dtype.itemsize
    file.write(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOR_TYPE[channels], 0, 0, 0)
    file.write(_chunk(b"IHDR", header))
    file.write(_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile, 9)))
    if dpi is not None:
        x, y = (round(value * _METRE) for value in dpi)
        file.write(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif is not None:
        file.write(_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if text is not None:
        keyword, value = text
        file.write(_chunk(b"iTXt", keyword.encode() + b"\0\0\0\0\0" + value.encode()))
    for part in _deflated(samples):
        file.write(_chunk(b"IDAT", part))
    file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _deflated(samples: NDArray[Any]) -> Iterator[bytes]:
    """The zlib stream of the filtered rows, in pieces."""
    height, width, channels = samples.shape
    step = channels * samples.dtype.itemsize  # bytes a pixel
    rows = max(1, _BLOCK_BYTES // (width * step))
    packer = zlib.compressobj(6)
    above = np.zeros((1, width * step), np.uint8)
    for top in range(0, height, rows):
        part = samples[top : top + rows]
        block = part.astype(part.dtype.newbyteorder(">"), order="C").view(np.uint8)
        block = block.reshape(len(part), width * step)
        if piece := packer.compress(_filter(block, above, step).tobytes()):
            yield piece
        above = block[-1:]
    yield packer.flush()


def _filter(rows: Bytes, above: Bytes, step: int) -> Bytes:
    """Rows (n, w) as filter type and differences, (n, 1 + w); `above` is the row before them.

    Each row takes the filter with the least sum of absolute differences, the specification's
    own heuristic (section 12.7).
    """
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(a, ((0, 0), (step, 0)))[:, :-step] for a in (rows, up))
    best = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], 1)
    least = _cost(rows)
    mean = ((left.astype(np.uint16) + up) >> 1).astype(np.uint8)
    for kind, guess in enumerate((left, up, mean, _paeth(left, up, corner)), 1):
        difference = rows - guess  # modulo 256, as the format wants it
        cost = _cost(difference)
        better = cost < least
        best[better, 0] = kind
        best[better, 1:] = difference[better]
        least = np.minimum(cost, least)
    return best


def _cost(difference: Bytes) -> NDArray[np.int64]:
    signed = difference.view(np.int8).astype(np.int16)
    return np.asarray(np.abs(signed).sum(1, dtype=np.int64))


def _paeth(left: Bytes, up: Bytes, corner: Bytes) -> Bytes:
    """The neighbor nearest to left + up - corner; ties in this order."""
    a, b, c = (part.astype(np.int16) for part in (left, up, corner))
    near_a, near_b, near_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    chosen = np.where(near_b <= near_c, up, corner)
    return np.where((near_a <= near_b) & (near_a <= near_c), left, chosen)
