"""A batch's record: a line of JSON for each job, appended when its picture is in place."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Final

from stylecli.errors import OutputError
from stylecli.files import reason
from stylecli.images.formats import shown
from stylecli.jobs.outcome import Outcome

NAME: Final = "manifest.jsonl"


class Manifest:
    """The file `manifest.jsonl` of a folder.

    Each record is one write at the file's end, synced: several batches may share a folder, and a
    batch that is killed leaves at most a last line without its end, which is mended by the next.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._recorded: set[str] | None = None

    def record(self, outcome: Outcome) -> None:
        """Append one line; a picture that was kept only where none speaks of it yet.

        Raises `OutputError`.
        """
        try:
            if outcome.status == "kept" and outcome.output in self._known():
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(self.path, flags, 0o666)
            try:
                _wait_for(descriptor)
                text = json.dumps(outcome.to_dict(), allow_nan=False) + "\n"
                data = self._mend(descriptor) + text.encode()
                if os.write(descriptor, data) != len(data):
                    raise OSError(0, "it was written in part")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if outcome.status != "failed" and outcome.output is not None:
                self._known().add(outcome.output)
        except OSError as error:
            raise OutputError(f"cannot write {shown(self.path)}: {reason(error)}.") from error

    def _mend(self, descriptor: int) -> bytes:
        """A line's end, where the last line has none."""
        size = os.fstat(descriptor).st_size
        cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        return b"\n" if cut else b""

    def distances(self) -> dict[str, dict[str, float]]:
        """What the last line of each output says of its distances."""
        lines = read_manifest(self.path) if self.path.is_file() else []
        return {
            line["output"]: line["distances"]
            for line in lines
            if isinstance(line.get("output"), str) and isinstance(line.get("distances"), dict)
        }

    def _known(self) -> set[str]:
        """Outputs that some line calls made."""
        if self._recorded is None:
            lines = read_manifest(self.path) if self.path.is_file() else []
            self._recorded = {
                str(line.get("output")) for line in lines if line.get("status") != "failed"
            }
        return self._recorded


def _wait_for(descriptor: int) -> None:
    """Hold a file until it is closed: what another batch is just writing is no line cut short."""
    with contextlib.suppress(ImportError, OSError):  # Windows and some file systems have no locks
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """The records of a manifest, in order; a line that was cut short is left out."""
    found = []
    with path.open("rb") as file:
        for line in file:
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(values, dict):
                found.append(values)
    return found
