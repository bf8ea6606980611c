"""Pillow kept on a lead: allowed formats only, our size limits, no warnings, one exception."""

import contextlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import Image, ImageFile, UnidentifiedImageError

from stylecli.errors import InputError, is_out_of_memory
from stylecli.images.formats import MAX_PIXELS, MAX_SIDE, READABLE, READABLE_NAMES

# Pillow's size limit and Python's warning filters belong to the whole process: one at a time.
_LOCK = threading.RLock()
_STDERR: Final = 2
_SCAN: Final = b"\xff\xda"  # the marker that begins one
_MOST_SCANS: Final = 20  # of the largest picture; smaller ones may have more, cameras make 10


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises on malformed data into `InputError`, and silence its warnings.

    Its decoders answer broken files with OSError, SyntaxError, ValueError, struct.error,
    TypeError, KeyError, MemoryError and more, so nothing short of `Exception` is complete.
    """
    log = logging.getLogger("PIL")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS
        level = log.level
        log.setLevel(logging.CRITICAL + 1)  # where nobody set up logging, it prints errors
        try:
            yield
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise InputError(_too_large(name, "")) from error
        except UnidentifiedImageError as error:
            raise InputError(
                f"cannot read {name}: it is not a {READABLE_NAMES} picture of a usual kind, or its "
                "header is damaged."
            ) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise InputError(f"cannot read {name}: it does not fit into memory.") from error
            raise InputError(
                f"cannot read {name}: the picture is damaged or incomplete ({_brief(error)})."
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            log.setLevel(level)


@contextlib.contextmanager
def silenced(data: bytes) -> Iterator[None]:
    """Keep libtiff from writing its own words on a damaged TIFF to standard error.

    The stream itself is set aside, which no other library needs; to be called in `guarded`.
    """
    kept = -1
    if data[:2] in (b"II", b"MM"):
        with contextlib.suppress(OSError):  # standard error may be closed
            kept = os.dup(_STDERR)
    if kept < 0:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def open_header(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header of a picture, and refuse one too large; to be called in `guarded`."""
    image = Image.open(file, formats=READABLE)
    check_size(image.size, name)
    return image


def open_image(data: bytes, name: str) -> ImageFile.ImageFile:
    """Open a whole picture, and refuse one too large to decode; to be called in `guarded`."""
    image = open_header(io.BytesIO(data), name)
    if image.format in ("JPEG", "MPO"):
        _check_scans(data.count(_SCAN), image.size, name)
    return image


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise `InputError` for a picture without pixels or past the limits."""
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"cannot read {name}: it has no pixels.")
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(_too_large(name, f" with {width}x{height} pixels"))


def _check_scans(scans: int, size: tuple[int, int], name: str) -> None:
    """Refuse a progressive JPEG that goes over its pixels for minutes: a scan takes few bytes."""
    if scans * size[0] * size[1] > _MOST_SCANS * MAX_PIXELS:
        raise InputError(f"cannot read {name}: its {scans} scans are more than a picture needs.")


def _too_large(name: str, size: str) -> str:
    return (
        f"{name} is too large{size}: at most {MAX_SIDE} pixels a side and "
        f"{MAX_PIXELS // 10**6} million in all are read, so scale it down first."
    )


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:100].rstrip(".") or type(error).__name__
