"""Transport: which files of a group another machine sees, and how the others get there and back.

Pictures that are made always come back as bytes, and the driver alone writes them: what it records
is there, whatever folders the machines share.
"""

import contextlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from stylecli.atomic import remove_leftovers, replace_file
from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.encoder.cache import source_path, status_of
from stylecli.encoder.registry import get_spec, is_path
from stylecli.errors import StylecliError
from stylecli.job import Job
from stylecli.output_guard import follow_link
from stylecli.pipeline.preflight import guard_of
from stylecli.provenance.hashing import Digests
from stylecli.provenance.up_to_date import kept_recipe
from stylecli.system import locked, process_is_alive

LONGEST_WRITE: Final = 300.0  # seconds in which another worker has put weights in their place
_FOLDER: Final = "stylecli-ray"
_SCRATCH: Final = re.compile(_FOLDER + r"-(\d{1,9})-\w+")


@dataclass(frozen=True)
class InputFile:
    """A file that a group reads, as the driver sees it; `encoder` names published weights.

    Each machine keeps those in its own cache. `modified` is in whole seconds, since file systems
    differ in the rest.
    """

    path: str
    size: int = 0
    modified: int = 0
    encoder: str = ""

    @property
    def is_here(self) -> bool:
        """Whether this machine has the same file."""
        if self.encoder:
            return status_of(get_spec(self.encoder)).present
        try:
            with open(self.path, "rb") as file:
                status = os.fstat(file.fileno())
        except OSError:
            return False
        return (status.st_size, int(status.st_mtime)) == (self.size, self.modified)


class Made(NamedTuple):
    """A job's outcome with the bytes of its picture, where it was made."""

    outcome: Outcome
    picture: bytes | None = None


class Reply(NamedTuple):
    """What came of a group, or the files that this machine does not see."""

    made: list[Made]
    missing: tuple[InputFile, ...] = ()


def files_of(jobs: Iterable[Job]) -> list[InputFile]:
    """Every file that located jobs read, once; what is not here is left out, and fails later."""
    files: dict[str, InputFile] = {}
    for job in jobs:
        encoder = job.settings.encoder_name
        paths = [*job.input_files, *([Path(encoder)] if is_path(encoder) else [])]
        for path in paths:
            if str(path) not in files:
                with contextlib.suppress(OSError):
                    status = path.stat()
                    stamp = InputFile(str(path), status.st_size, int(status.st_mtime))
                    files[stamp.path] = stamp
        if not is_path(encoder) and get_spec(encoder).url and status_of(get_spec(encoder)).present:
            path = source_path(get_spec(encoder))
            files[str(path)] = InputFile(str(path), encoder=encoder)
    return list(files.values())


class Scratch:
    """A worker's own folder on its machine, for the files that were sent and what it makes."""

    def __init__(self) -> None:
        remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}-{os.getpid()}-"))
        self._placed: dict[InputFile, Path] = {}

    def place(self, file: InputFile, content: Callable[[], bytes]) -> Path:
        """Where the file is on this machine, once its content is there."""
        if file.encoder:
            path = source_path(get_spec(file.encoder))
            with _held(path.parent):  # several workers of a machine begin at once
                if not file.is_here:
                    remove_leftovers(path.parent)
                    replace_file(path, content())
            return path
        if file not in self._placed:
            folder = self.folder / f"{zlib.crc32(repr(file).encode()):08x}"
            replace_file(folder / Path(file.path).name, content())
            self._placed[file] = folder / Path(file.path).name
        return self._placed[file]

    def keep_only(self, files: Iterable[InputFile]) -> None:
        """Remove what was sent for earlier groups alone, so that one group's files are here."""
        for file in self._placed.keys() - set(files):
            shutil.rmtree(self._placed.pop(file).parent, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder against other workers within, and leave no file for it in the user's home.

    Without a lock, as on Windows, which has none for folders, more than one may write.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with locked(descriptor, LONGEST_WRITE):
            yield
    finally:
        os.close(descriptor)


def remove_abandoned() -> None:
    """Remove the folders of workers that were killed on this machine."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(tempfile.gettempdir()):
            match = _SCRATCH.fullmatch(entry.name)
            if match and not process_is_alive(int(match[1])):
                shutil.rmtree(entry.path, ignore_errors=True)


def relocated(group: Group, places: Mapping[Path, Path], folder: Path) -> Group:
    """The group with its files at their places on this machine, and outputs in a folder."""
    jobs = [
        replace(
            job.with_paths(
                lambda path: places.get(path, path),
                output=folder / str(number) / job.output.name,
            ),
            existing="refuse",
            downloadable=frozenset(),  # the driver does, once
            sources=(),
        )
        for number, job in zip(group.numbers, group.jobs, strict=True)
    ]
    return replace(group, jobs=tuple(jobs))


def made_elsewhere(
    group: Group, moved: Group, places: Mapping[Path, Path], outcomes: Sequence[Outcome]
) -> list[Made]:
    """Outcomes with the driver's names in their sentences, and the pictures' bytes."""
    names = {str(place): str(path) for path, place in places.items()}
    made = []
    for job, there, outcome in zip(group.jobs, moved.jobs, outcomes, strict=True):
        known = {**names, str(there.output): str(job.output)}
        error = None if outcome.error is None else _renamed(outcome.error, known)
        notes = tuple(_renamed(note, known) for note in outcome.notes)
        picture = there.output.read_bytes() if outcome.status == "done" else None
        made.append(Made(replace(outcome, error=error, notes=notes), picture))
    return made


def delivered(job: Job, made: Made) -> Outcome:
    """The outcome once the picture is in place; failed where that cannot be done."""
    if made.picture is None:
        return made.outcome
    try:
        recipe = kept_recipe(job, Digests())  # another batch may have made it meanwhile
        if recipe is not None:
            return Outcome.of(job, "kept", recipe=recipe.to_dict())
        guard_of(job).write_bytes(follow_link(job.output), made.picture)
    except StylecliError as error:
        return Outcome.failed(job.content, job.styles, job.output, error)
    return made.outcome


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def as_plain(files: Iterable[InputFile]) -> list[tuple[Any, ...]]:
    """Plain values, for a machine whose version is not known yet."""
    return [(file.path, file.size, file.modified, file.encoder) for file in files]
