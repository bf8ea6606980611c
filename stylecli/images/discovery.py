"""Discovery of pictures: names, folders and patterns to paths. No torch."""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from stylecli.errors import InputError
from stylecli.images.formats import HEIF_SUFFIXES, readable_suffixes
from stylecli.messages import escaped, ignore, reason

STREAM: Final = Path("-")  # standard input or standard output
_MOST_NAMES: Final = 5  # in a note

Found = Sequence[tuple[Path, Path | None]]
OnNote = Callable[[str], None]


def find_pictures(
    names: Iterable[str], *, recursive: bool, on_note: OnNote = ignore
) -> dict[Path, Path | None]:
    """Find the pictures that names stand for, in order, each once, with their subfolders.

    A folder stands for the pictures in it, with `recursive` also below it; a pattern that the
    shell left alone for the files it matches. A picture's subfolder is relative to the folder
    that was named, `None` for a file. Folders and patterns are in natural order. `on_note` is
    called with a sentence on what a folder holds besides: pictures are told by their suffixes,
    since opening all of a folder of photographs takes long. Raises `InputError` where a name
    stands for nothing.
    """
    pictures: dict[Path, tuple[Path, Path | None]] = {}
    for name in names:
        for path, subfolder in _expand(name, recursive, on_note):
            pictures.setdefault(path.absolute(), (path, subfolder))
    return dict(pictures.values())


def _expand(name: str, recursive: bool, on_note: OnNote) -> Found:
    path = path_of(name)
    if os.path.isdir(name):
        listing = _Listing(path, recursive)
        notes = tuple(listing.notes())
        if not listing.pictures:
            hint = "" if recursive else " (--recursive looks below it as well)"
            rest = f": {'; '.join(notes)}" if notes else ""
            raise InputError(f"there are no pictures in {escaped(path)}{hint}{rest}.")
        for note in notes:
            on_note(f"{escaped(path)}: {note}")
        return [(file, file.parent.relative_to(path)) for file in listing.pictures]
    if not os.path.lexists(path) and glob.has_magic(name):
        matches = sorted(glob.glob(name, recursive=True), key=natural_key)
        files = [Path(match) for match in matches if not os.path.isdir(match)]
        if not files:
            raise InputError(f"no file matches {escaped(name)}.")
        return [(file, None) for file in files]
    return [(path, None)]  # whether it can be read is seen when its turn comes


class _Listing:
    """The pictures in a folder, and what else is there."""

    def __init__(self, folder: Path, recursive: bool) -> None:
        self.folder = folder
        self.pictures: list[Path] = []
        self.others: Counter[str] = Counter()  # by suffix
        self.hidden: list[str] = []
        self.unfollowed: list[str] = []
        self.linked: list[str] = []
        self.closed: list[str] = []
        for place, folders, files in os.walk(folder, onerror=self._closed):
            folders[:] = [name for name in folders if recursive and not name.startswith(".")]
            folders.sort(key=natural_key)
            self.unfollowed += self._links(place, folders)
            self._sort(place, sorted(files, key=natural_key))

    def _sort(self, place: str, files: Sequence[str]) -> None:
        suffixes = readable_suffixes()
        for name in files:
            suffix = Path(name).suffix.lower()
            if suffix in suffixes and not name.startswith("."):
                self.pictures.append(Path(place, name))
                self.linked += self._links(place, [name])
            elif suffix in suffixes:
                self.hidden.append(self._name(place, name))
            elif not name.startswith("."):
                self.others[suffix or "without a suffix"] += 1

    def _closed(self, error: OSError) -> None:
        place = Path(error.filename or self.folder)
        if place == self.folder:
            raise InputError(
                f"cannot read the folder {escaped(place)}: {reason(error)}."
            ) from error
        self.closed.append(f"{self._name(place)} ({reason(error)})")

    def _links(self, place: str, names: Sequence[str]) -> list[str]:
        return [self._name(place, name) for name in names if Path(place, name).is_symlink()]

    def _name(self, *parts: str | Path) -> str:
        return Path(*parts).relative_to(self.folder).as_posix()

    def notes(self) -> Iterator[str]:
        """Clauses on what is not among the pictures."""
        if self.others:
            kinds = _listed([f"{count} {suffix}" for suffix, count in sorted(self.others.items())])
            hint = (
                "; pip install pillow-heif reads HEIC" if HEIF_SUFFIXES & self.others.keys() else ""
            )
            yield f"left out, no pictures by their names: {self.others.total()} ({kinds}){hint}"
        for names, what in (
            (self.hidden, "left out, hidden"),
            (self.unfollowed, "links to folders, not followed"),
            (self.linked, "pictures that are links, followed"),
            (self.closed, "folders that cannot be read, left out"),
        ):
            if names:
                yield f"{what}: {len(names)} ({_listed(names)})"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return escaped(", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else ""))


def natural_key(name: str | Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key of natural order, folder by folder: numbers by their value, a2 before a10."""
    parts = re.split(r"([0-9]+)", str(name).replace(os.sep, "\0"))
    return [(int(part), "") if part[:1].isdigit() else (-1, part) for part in parts], str(name)


def path_of(text: str) -> Path:
    """A path from the command line: `-` alone is a stream; `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != "-" else path
