"""File names by the rules of every system: which are alike, lead out, or cannot be."""

import os
import sys
import unicodedata
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Final

from stylecli.system import long_paths_allowed, on_windows

FORBIDDEN: Final = '<>:"|?*'  # on Windows, besides both slashes and control characters
LONGEST_PATH: Final = 259  # characters on Windows, unless it is set up for longer ones
LONGEST_STEM: Final = 50  # characters, with which no file system has too long a name
_TEMPORARY: Final = 45  # characters of the temporary file that is written beside an output
# Devices of Windows, with any suffix and in any folder (learn.microsoft.com, "Naming Files").
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
)


def name_key(name: PurePath | str) -> str:
    """Equal for names that some file system takes for the same: by case, or how accents are put."""
    return unicodedata.normalize("NFKC", str(name)).casefold()


def leads_out(name: PurePath | str) -> bool:
    """Whether a name leaves its folder on any system, by a drive, a root or `..`."""
    paths = PurePosixPath(str(name)), PureWindowsPath(str(name))
    return any(path.anchor or ".." in path.parts for path in paths)


def windows_fault(name: PurePath | str) -> str | None:
    """Why Windows can have no file of this name, with or without folders; `None` where it can."""
    path = PureWindowsPath(str(name))
    for part in path.parts[bool(path.anchor) :]:
        bad = next((c for c in part if c in FORBIDDEN or ord(c) < 32), None)
        if bad is not None:
            return f"Windows allows no {bad!r} in a name"
        if part not in (".", "..") and part.rstrip(". ") != part:
            return f"on Windows a name cannot end as {part!r} does"
        if is_device(part):
            return f"{part!r} is a device on Windows"
    return None


def spare_name(path: Path) -> Path:
    """A free name like one that cannot be had, and that every system can hold."""
    stem = "".join("_" if c in FORBIDDEN else c for c in path.stem)[:LONGEST_STEM]
    names = (path.with_name(f"{stem}-{number}{path.suffix}") for number in range(2, sys.maxsize))
    return next(name for name in names if not os.path.lexists(name))


def is_device(part: str) -> bool:
    """Whether Windows takes a name without folders for a device: `nul.png` is one."""
    return part.partition(".")[0].rstrip().casefold() in _DEVICES


def system_fault(path: PurePath) -> str | None:
    """Why this very system can have no file of this path; `None` where it can.

    On Windows that is known beforehand; elsewhere the file system decides.
    """
    if not on_windows():
        return None
    whole = PureWindowsPath(os.path.abspath(path))
    length = max(len(str(whole)), len(str(whole.parent)) + _TEMPORARY)
    if length > LONGEST_PATH and not long_paths_allowed():
        return f"Windows allows {LONGEST_PATH} characters in a path, and this needs {length}"
    return windows_fault(path)
