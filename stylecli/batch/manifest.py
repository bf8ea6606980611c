"""Manifest of a batch: a JSON line for each job, appended when its picture is written."""

import json
import math
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from stylecli.batch.outcome import Outcome
from stylecli.errors import OutputError
from stylecli.messages import escaped, reason
from stylecli.output_guard import OutputGuard, check_folder
from stylecli.system import locked, sync

NAME: Final = "manifest.jsonl"
MAX_LINE: Final = 1_000_000  # bytes of one record, which has some 3,000
MOST_DISTANCES: Final = 16
LONGEST_NAME: Final = 64
PATIENCE: Final = 10.0  # seconds to wait for another batch's lock
_MARK: Final = b'{"status": "'  # every record begins so
_FLAGS: Final = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)  # on Windows, where a line would else end in two bytes
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


class Manifest:
    """The file `manifest.jsonl` of a folder.

    Each record is one write at the file's end, synced: several batches may share a folder, and a
    batch that is killed leaves at most a last line without its end, which is mended by the next.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._patience = PATIENCE
        self._recorded: dict[str, Mapping[str, float]] | None = None

    def check(self, inputs: Iterable[Path]) -> None:
        """Raise `OutputError` where the file is an input, or somebody else's."""
        name = escaped(self.path)
        try:
            if OutputGuard(inputs).is_input(self.path):
                raise OutputError(f"{name} is also an input: give another output folder.")
            check_folder(self.path.parent, name)
            if os.path.lexists(self.path):
                os.close(self._open())
        except OSError as error:
            raise OutputError(f"cannot write {name}: {reason(error)}.") from error

    def _open(self) -> int:
        """The file, opened for appending; a link, a device or a foreign file is refused."""
        descriptor = os.open(self.path, _FLAGS, 0o666)
        try:
            status = os.fstat(descriptor)
            start = b""
            if stat.S_ISREG(status.st_mode):
                start = os.read(descriptor, len(_MARK))
            if not stat.S_ISREG(status.st_mode) or not _MARK.startswith(start):
                raise OutputError(
                    f"{escaped(self.path)} is no manifest of this program: give another output "
                    "folder."
                )
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def record(self, outcome: Outcome) -> None:
        """Append one line; a kept picture's only where no line names it yet.

        Raises `OutputError`.
        """
        try:
            if outcome.status == "kept" and self._name_of(str(outcome.output)) in self._made():
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(outcome.to_dict(), allow_nan=False) + "\n"
            descriptor = self._open()
            try:
                # What another batch is just writing is no line cut short. A lock that stays is no
                # batch's: whoever may read the folder could stop all work in it.
                with locked(descriptor, self._patience) as held:
                    self._patience = PATIENCE if held else 0.0
                    data = self._mend(descriptor) + text.encode()
                    if os.write(descriptor, data) != len(data):
                        raise OSError(0, "it was written in part")
                    sync(descriptor)
            finally:
                os.close(descriptor)
            if outcome.status != "failed" and outcome.output is not None:
                self._made()[self._name_of(outcome.output)] = outcome.distances
        except OSError as error:
            raise OutputError(f"cannot write {escaped(self.path)}: {reason(error)}.") from error

    def _mend(self, descriptor: int) -> bytes:
        """A line's end, where the last line has none."""
        if os.fstat(descriptor).st_size == 0:
            return b""
        os.lseek(descriptor, -1, os.SEEK_END)
        return b"" if os.read(descriptor, 1) == b"\n" else b"\n"

    def distances_of(self, output: str | None) -> Mapping[str, float]:
        """Distances of an output, by the last of its lines that has any.

        Raises `OutputError`.
        """
        return self._made().get(self._name_of(str(output)), {})

    @property
    def files(self) -> set[Path]:
        """The absolute paths of the outputs that some line records as made."""
        folder = Path(os.path.abspath(self.path.parent))
        return {folder / name for name in self._made()}

    def _name_of(self, output: str) -> str:
        """An output's name in the folder; a line's may be relative to another working folder.

        The folder is then known by the end of its own path.
        """
        folder, path = (Path(os.path.abspath(name)) for name in (self.path.parent, output))
        if path.is_relative_to(folder) and (path.exists() or path.parent == folder):
            return str(path.relative_to(folder))
        parts = [part for part in Path(output).parts if part != ".."]
        for count in range(len(parts) - 1, 0, -1):
            if tuple(parts[:count]) == folder.parts[-count:]:
                return os.path.join(*parts[count:])
        return os.path.join(*parts) if parts else output

    def _made(self) -> dict[str, Mapping[str, float]]:
        """Outputs that some line records as made, with their distances; read on first use."""
        if self._recorded is None:
            self._recorded = {}
            for line in self._lines():
                if line.get("status") != "failed":
                    distances = line.get("distances")
                    output = self._name_of(str(line.get("output")))
                    known = self._recorded.get(output, {})
                    self._recorded[output] = _numbers(distances) or known
        return self._recorded

    def _lines(self) -> list[dict[str, Any]]:
        try:
            return read_manifest(self.path) if self.path.is_file() else []
        except OSError as error:
            raise OutputError(f"cannot read {escaped(self.path)}: {reason(error)}.") from error


def _numbers(values: Any) -> dict[str, float]:
    """Finite numbers by name: whoever may write the folder may have written anything."""
    if not isinstance(values, dict) or len(values) > MOST_DISTANCES:
        return {}
    numbers = {}
    for name, value in values.items():
        if isinstance(value, float) and math.isfinite(value):
            numbers[name[:LONGEST_NAME]] = value
    return numbers


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """The records of a manifest, in order; a line that was cut short is left out."""
    records = []
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(values, dict):
                records.append(values)
    return records
