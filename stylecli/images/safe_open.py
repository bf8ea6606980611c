"""Pillow kept on a lead: allowed formats only, our size limits, no warnings, one exception."""

import contextlib
import io
import logging
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from stylecli.errors import InputError, is_out_of_memory
from stylecli.images.color_tags import CICP, cicp_of_boxes
from stylecli.images.foreign_formats import (
    HEAD,
    is_heif,
    is_readable,
    open_heif,
    what_it_is,
    why_not_tiff,
)
from stylecli.images.formats import MAX_PIXELS, MAX_SIDE, READABLE, READABLE_NAMES
from stylecli.images.png_chunks import SIGNATURE, XMP, png_head, split_png
from stylecli.images.tiff_pages import MAGICS, TiffPage, beginning_with, largest_page

# Pillow's size limit and Python's warning filters belong to the whole process: one at a time.
_LOCK = threading.RLock()
_STDERR: Final = 2
_SCAN: Final = b"\xff\xda"  # the marker that begins one
_MOST_SCANS: Final = 20  # of the largest picture; smaller ones may have more, cameras make 10


Header = ImageFile.ImageFile | TiffPage


class DamagedPictureError(InputError):
    """A picture that is damaged or cut short; some of it may be readable."""


class Opened(NamedTuple):
    """A picture whose header is read: Pillow's image, the bytes it decodes, and texts in a PNG.

    In its `info` are a profile, the color tags of `color_tags`, and XMP, where the file has them.
    """

    image: ImageFile.ImageFile
    data: bytes
    texts: dict[bytes, bytes]
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def guarded(name: str, *, accept_damaged: bool = False) -> Iterator[None]:
    """Turn whatever Pillow raises on malformed data into `InputError`, and silence its warnings.

    With `accept_damaged` Pillow gives what it can decode of a file that is cut short.

    Its decoders answer broken files with OSError, SyntaxError, ValueError, struct.error,
    TypeError, KeyError, MemoryError and more, so nothing short of `Exception` is complete.
    """
    log = logging.getLogger("PIL")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS
        strict = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = accept_damaged
        level = log.level
        log.setLevel(logging.CRITICAL + 1)  # where nobody set up logging, it prints errors
        try:
            yield
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise InputError(_too_large(name, "")) from error
        except UnidentifiedImageError as error:
            raise DamagedPictureError(
                f"cannot read {name}: it is not a {READABLE_NAMES} picture of a usual kind, or its "
                "header is damaged."
            ) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise InputError(f"cannot read {name}: it does not fit into memory.") from error
            hint = "" if accept_damaged else ": --accept-damaged takes what can be read"
            raise DamagedPictureError(
                f"cannot read {name}: the picture is damaged or incomplete ({_brief(error)}){hint}."
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            ImageFile.LOAD_TRUNCATED_IMAGES = strict
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


def open_header(file: BinaryIO, name: str) -> Header:
    """Read the header of a picture and no more; to be called in `guarded`.

    Refuses one that is too large or of another format. Of a TIFF the largest page is returned.
    """
    head = file.read(HEAD)
    check_format(head, name)
    if head.startswith(MAGICS):
        page, _ = largest_page(file)
        check_size((page.width, page.height), name)
        return page
    file.seek(0)
    return _open(io.BytesIO(png_head(file)) if head.startswith(SIGNATURE) else file, name)


def open_image(data: bytes, name: str, *, accept_damaged: bool = False) -> Opened:
    """Open a whole picture, and refuse one too large to decode; to be called in `guarded`."""
    check_format(data[:HEAD], name)
    if data.startswith(SIGNATURE):
        return _open_png(data, name, accept_damaged=accept_damaged)
    if data.startswith(MAGICS):
        return _open_tiff(data, name)
    image = open_bytes(data, name)
    if image.format in ("JPEG", "MPO"):
        _check_scans(data.count(_SCAN), image.size, name)
    if data[4:8] == b"ftyp" and "icc_profile" not in image.info:
        image.info[CICP] = cicp_of_boxes(data[: 2**16])
    return Opened(image, data, {})


def open_bytes(data: bytes, name: str) -> ImageFile.ImageFile:
    """Open the bytes of a picture as they are."""
    return _open(io.BytesIO(data), name)


def check_format(head: bytes, name: str) -> None:
    """Raise `InputError` for the first bytes of a file of another format, saying which."""
    if not is_readable(head):
        raise InputError(f"cannot read {name}: {what_it_is(head)}.")


def _open(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    formats: tuple[str, ...] = READABLE
    head = file.read(HEAD)
    file.seek(0)
    if is_heif(head):
        open_heif()
        formats = ("HEIF",)
    image = Image.open(file, formats=formats)
    check_size(image.size, name)
    return image


def _open_png(data: bytes, name: str, *, accept_damaged: bool) -> Opened:
    parts = split_png(data, keep_damaged=accept_damaged)
    image = open_bytes(parts.file, name)
    color, info = parts.color, image.info
    if (cicp := color.get(b"cICP")) is not None:
        info[CICP] = tuple(cicp)
    elif parts.profile is not None:
        info["icc_profile"] = parts.profile
    elif b"sRGB" in color:
        info["srgb"] = color[b"sRGB"]
    else:
        numbers = {
            kind: [value / 1e5 for (value,) in struct.iter_unpack(">I", body[: len(body) // 4 * 4])]
            for kind, body in color.items()
        }
        info["gamma"] = next(iter(numbers.get(b"gAMA", ())), None)
        info["chromaticity"] = numbers.get(b"cHRM")
    if XMP in parts.texts:
        info["xmp"] = parts.texts[XMP]
    return Opened(image, parts.file, parts.texts)


def _open_tiff(data: bytes, name: str) -> Opened:
    page, count = largest_page(io.BytesIO(data))
    check_size((page.width, page.height), name)
    ordered = beginning_with(data, page)
    notes: tuple[str, ...] = ()
    if count > 1:
        notes = ("it has several pages, of which the first of the largest is used",)
    try:
        if page.is_raw:
            raise UnidentifiedImageError
        return Opened(open_bytes(ordered, name), ordered, {}, notes)
    except UnidentifiedImageError as error:
        raise InputError(f"cannot read {name}: {why_not_tiff(page)}.") from error


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
