"""File formats: which are read, which are written, and the options of writing. No torch."""

import functools
import importlib
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

from stylecli.errors import OutputError, SettingsError
from stylecli.messages import did_you_mean, escaped
from stylecli.settings import MAX_SIZE

# An allow-list: Pillow also knows formats that start other programs, such as EPS.
READABLE: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF")
READABLE_NAMES: Final = "PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF"

# Pillow's modules of these; its other ones need not be loaded.
_PLUGINS: Final = ("Png", "Jpeg", "Mpo", "WebP", "Tiff", "Bmp", "Gif", "Avif")
_BROWSERS: Final = frozenset({".pjpeg", ".pjp"})  # what some of them call a JPEG
HEIF_SUFFIXES: Final = frozenset({".heic", ".heif", ".hif"})

WRITABLE: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
}
# Modules that a Pillow may be built without; to import Pillow itself takes long.
_MODULES: Final = {"AVIF": "PIL._avif", "WEBP": "PIL._webp"}
DEEP: Final = ("PNG", "TIFF")  # formats written with 16 bits on request
LONGEST_SIDE: Final = {"WEBP": 16383, "JPEG": 65500, "AVIF": 65536}  # the encoders' own limits

MAX_SIDE: Final = MAX_SIZE
MAX_PIXELS: Final = 2**28  # 268 Mpx: 3.2 GB as float32
MAX_FILE_BYTES: Final = 2**32 - 1  # what a classic TIFF can hold


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How a picture is encoded; raises `SettingsError` for values out of range.

    `quality` in 1..100 is for JPEG, WebP (100 is lossless) and AVIF. `bits` is 8 or 16 a
    channel, for PNG and TIFF.
    Without `keep_alpha` the output is opaque where the content is not.
    """

    quality: int = 92
    bits: Literal[8, 16] = 8
    keep_alpha: bool = True

    def __post_init__(self) -> None:
        if type(self.quality) is not int or not 1 <= self.quality <= 100:
            raise SettingsError(
                f"quality must be a whole number from 1 to 100, got {self.quality!r}."
            )
        if self.bits not in (8, 16):
            raise SettingsError(f"bits must be 8 or 16, got {self.bits!r}.")
        keep_alpha: Any = self.keep_alpha  # of JSON it may be anything
        if not isinstance(keep_alpha, bool):
            raise SettingsError(f"keep_alpha must be true or false, got {keep_alpha!r}.")

    def as_stored(self, path: Path) -> "OutputOptions":
        """The options with those that the file's format does not heed at their defaults."""
        kind, plain = format_of(path), OutputOptions()
        return OutputOptions(
            quality=plain.quality if kind in DEEP else self.quality,
            bits=self.bits if kind in DEEP else plain.bits,
            keep_alpha=self.keep_alpha,
        )


class OutputKeywords(TypedDict, total=False):
    """Keywords for the fields of `OutputOptions`."""

    quality: int
    bits: Literal[8, 16]
    keep_alpha: bool


def check_longest_side(kind: str, side: int, name: str) -> None:
    """Raise `OutputError` where a format's encoder cannot take a picture of this long side."""
    longest = LONGEST_SIDE.get(kind)
    if longest is not None and side > longest:
        raise OutputError(
            f"cannot write {name}: {kind} holds at most {longest} pixels a side, "
            f"and this picture has {side}; write PNG or TIFF instead."
        )


@functools.cache
def readable_suffixes() -> frozenset[str]:
    """The suffixes of files that are read, in lower case: those that Pillow knows."""
    from PIL import Image

    for name in _PLUGINS:
        importlib.import_module(f"PIL.{name}ImagePlugin")
    formats = (*READABLE, "MPO")  # several JPEG pictures in one file
    known = {suffix for suffix, name in Image.EXTENSION.items() if name in formats}
    return _BROWSERS.union(known, HEIF_SUFFIXES if has_heif() else ())


def has_heif() -> bool:
    """Whether pillow-heif, which reads HEIC, is installed."""
    return find_spec("pillow_heif") is not None


def is_address(path: Path) -> bool:
    """Whether a path is an address such as s3://bucket/a.png, of which `Path` leaves one slash."""
    return (
        re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+:", path.parts[0] if path.parts else "") is not None
    )


def check_local(path: Path) -> None:
    """Raise `OutputError` for an address: a folder named `s3:` is not what was meant."""
    if is_address(path):
        raise OutputError(f"cannot write {escaped(path)}: this is an address; give a path here.")


def check_output_suffix(path: Path) -> None:
    """Raise `OutputError` for an address, a folder, and a suffix of no format written here."""
    check_local(path)
    if os.path.isdir(path):
        example = escaped(path / "picture.png")
        raise OutputError(
            f"cannot write {escaped(path)}: it is a folder; name a picture in it: {example}."
        )
    kind = format_of(path)
    if kind in _MODULES and find_spec(_MODULES[kind]) is None:
        raise OutputError(
            f"cannot write {escaped(path)}: the Pillow installed here has no {kind}; install it "
            "from PyPI, or use another format."
        )


def format_of(path: Path) -> str:
    """Pillow's name of the format that a file name's suffix asks for; raises `OutputError`."""
    suffix = Path(path).suffix.lower()
    if suffix in WRITABLE:
        return WRITABLE[suffix]
    problem = f"{suffix!r} is no format" if suffix else "without a suffix there is no format"
    raise OutputError(
        f"cannot write {escaped(path)}: {problem} this program writes"
        f"{did_you_mean(suffix, WRITABLE)}; use one of {', '.join(WRITABLE)}."
    )
