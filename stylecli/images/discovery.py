"""Discovery of pictures: names, folders and patterns to paths. No torch."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from stylecli.errors import InputError
from stylecli.messages import escaped, reason

STREAM: Final = Path("-")  # standard input or standard output
# By suffix: a folder of photographs holds more than pictures, and opening all of it takes long.
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"}
)


def find_pictures(names: Iterable[str], *, recursive: bool) -> dict[Path, Path | None]:
    """Find the pictures that names stand for, in order, each once, with their subfolders.

    A folder stands for the pictures in it, with `recursive` also below it; a pattern that the
    shell left alone for the files it matches. A picture's subfolder is relative to the folder
    that was named, `None` for a file. Raises `InputError` where a name stands for nothing.
    """
    pictures: dict[Path, tuple[Path, Path | None]] = {}
    for name in names:
        for path, subfolder in _expand(name, recursive=recursive):
            pictures.setdefault(path.absolute(), (path, subfolder))
    return dict(pictures.values())


def _expand(name: str, *, recursive: bool) -> Sequence[tuple[Path, Path | None]]:
    path = path_of(name)
    if os.path.isdir(name):
        files = _pictures_in(path, recursive=recursive)
        if not files:
            hint = "" if recursive else " (--recursive looks below it as well)"
            raise InputError(f"there are no pictures in {escaped(path)}{hint}.")
        return [(file, file.parent.relative_to(path)) for file in files]
    if not os.path.lexists(path) and glob.has_magic(name):
        matches = sorted(glob.glob(name, recursive=True))
        files = [Path(match) for match in matches if not os.path.isdir(match)]
        if not files:
            raise InputError(f"no file matches {escaped(name)}.")
        return [(file, None) for file in files]
    return [(path, None)]  # whether it can be read is seen when its turn comes


def _pictures_in(folder: Path, *, recursive: bool) -> list[Path]:
    def stop(error: OSError) -> None:
        place = escaped(error.filename or folder)
        raise InputError(f"cannot read the folder {place}: {reason(error)}.") from error

    pictures = []
    for place, folders, files in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        pictures += [
            Path(place, name)
            for name in sorted(files)
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        ]
    return pictures


def path_of(text: str) -> Path:
    """A path from the command line: `-` alone is a stream; `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != "-" else path
