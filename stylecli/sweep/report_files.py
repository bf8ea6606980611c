"""Files of a sweep's report: their names, and which of them may be replaced. No torch."""

from pathlib import Path
from typing import Final

from stylecli.errors import OutputError
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.sweep.grid import SweepPlan

SHEET: Final = "sheet.png"
PAGE: Final = "index.html"
TABLE: Final = "cells.csv"
LOSSES: Final = ("content", "style", "total")
DISTANCES: Final = ("content_distance", "style_distance")
COLUMNS: Final = ("output", "status", *LOSSES, *DISTANCES, "seconds")  # after those of the axes
GENERATOR: Final = "stylecli sweep"
# Found near the beginning of an earlier report, which a wider sweep replaces.
_MARKS: Final = {SHEET: GENERATOR, PAGE: GENERATOR, TABLE: ",".join(COLUMNS)}
_BEGINNING: Final = 4096  # bytes


def report_guard(folder: Path, plan: SweepPlan) -> OutputGuard:
    """The output guard of a report: it replaces an earlier report, a foreign file with `renew`.

    Raises `OutputError` where one of the files must not, or cannot, be written.
    """
    jobs = [cell.job for cell in plan.cells]
    inputs = {path for job in jobs for path in job.files_read}
    guard = OutputGuard(inputs, replace=jobs[0].existing == "renew")
    pictures = OutputGuard(job.output for job in jobs)
    for name, mark in _MARKS.items():
        path = folder / name
        if pictures.is_input(path):
            raise OutputError(f"{escaped(path)} would be written twice: give another folder.")
        guard.claim(path)
        if not _begins_with(path, mark.encode()):
            guard.release(path)
        guard.check(path)
    return guard


def _begins_with(path: Path, mark: bytes) -> bool:
    """Whether a regular file has a mark near its beginning."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return mark in file.read(_BEGINNING)
    except OSError:
        return False
