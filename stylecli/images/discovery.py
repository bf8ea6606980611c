"""Discovery of pictures: names, folders and patterns to paths. No torch."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stylecli.errors import InputError
from stylecli.messages import escaped, reason

STREAM: Final = Path("-")  # standard input or standard output
# By suffix: a folder of photographs holds more than pictures, and opening all of it takes long.
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"}
)


@dataclass(frozen=True)
class Found:
    """A picture, and where it was found: `root` is the folder whose tree is mirrored."""

    path: Path
    root: Path | None = None

    @property
    def folder(self) -> Path:
        """Its folder, relative to the root."""
        return Path() if self.root is None else self.path.parent.relative_to(self.root)


def find_pictures(names: Iterable[str], *, recursive: bool) -> list[Found]:
    """The pictures that names stand for, in order, each once.

    A folder stands for the pictures in it, with `recursive` also below it; a pattern that the
    shell left alone for the files it matches. Raises `InputError` where one stands for nothing.
    """
    found: dict[Path, Found] = {}
    for name in names:
        for each in _expand(name, recursive=recursive):
            found.setdefault(each.path.absolute(), each)
    return list(found.values())


def _expand(name: str, *, recursive: bool) -> Sequence[Found]:
    path = path_of(name)
    if os.path.isdir(name):
        found = [Found(each, path) for each in _pictures_in(path, recursive=recursive)]
        if not found:
            hint = "" if recursive else " (--recursive looks below it as well)"
            raise InputError(f"there are no pictures in {escaped(path)}{hint}.")
        return found
    if not os.path.lexists(path) and glob.has_magic(name):
        matches = sorted(glob.glob(name, recursive=True))
        files = [Found(Path(each)) for each in matches if not os.path.isdir(each)]
        if not files:
            raise InputError(f"no file matches {escaped(name)}.")
        return files
    return [Found(path)]  # whether it can be read is seen when its turn comes


def _pictures_in(folder: Path, *, recursive: bool) -> list[Path]:
    def stop(error: OSError) -> None:
        place = escaped(error.filename or folder)
        raise InputError(f"cannot read the folder {place}: {reason(error)}.") from error

    found = []
    for place, folders, files in os.walk(folder, onerror=stop):
        folders[:] = sorted(each for each in folders if recursive and not each.startswith("."))
        found += [
            Path(place, each)
            for each in sorted(files)
            if Path(each).suffix.lower() in SUFFIXES and not each.startswith(".")
        ]
    return found


def path_of(text: str) -> Path:
    """`-` alone is a stream; `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != "-" else path
