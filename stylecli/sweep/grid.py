"""Grid of a sweep: a job at every combination of some settings' values. No torch."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from stylecli.batch.output_names import cleaned
from stylecli.errors import UsageError
from stylecli.images.formats import check_local
from stylecli.job import Job, JobOptions
from stylecli.settings import Settings
from stylecli.settings.parsing import text_of
from stylecli.sweep.axes import Axis, cells_of, label_of, spread

MOST_CELLS: Final = 5000
_LONGEST: Final = 40  # characters of one value in a name


@dataclass(frozen=True, kw_only=True)
class SweepRequest(JobOptions):
    """Options of a sweep; `axes` override `settings`."""

    folder: Path
    content: Path
    styles: tuple[Path, ...]
    axes: Sequence[Axis]
    suffix: str = ".png"


@dataclass(frozen=True)
class Cell:
    """One combination of values: its place in the sheet, its values by name, its job."""

    row: int
    column: int
    values: Mapping[str, Any]
    job: Job


@dataclass(frozen=True)
class SweepPlan:
    """The cells, row by row; the axis along the columns, if any, and those along the rows."""

    across: Axis | None
    down: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows."""
        return tuple(
            ", ".join(f"{name} {label_of(value)}" for name, value in values.items())
            for values in cells_of(self.down)
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        if self.across is None:
            return ("",)
        return tuple(f"{self.across.name} {label}" for label in self.across.labels)


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Cells with an output each, named by its values alone, so that a wider sweep finds them.

    The longest axis goes across. Raises `UsageError` or `SettingsError`, the latter for a
    combination that makes no sense.
    """
    check_local(request.folder)
    axes = [spread(axis, len(request.styles) or 1) for axis in request.axes]
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_CELLS:
        raise UsageError(f"the sweep has {count} cells: it takes at most {MOST_CELLS}.")
    many = [axis for axis in axes if len(axis.values) > 1]
    fixed = {axis.name: axis.values[0] for axis in axes if len(axis.values) == 1}
    across = max(many, key=lambda axis: len(axis.values), default=None)
    down = tuple(axis for axis in many if axis is not across)
    wide = [across] if across else []
    cells = []
    for row, values in enumerate(cells_of(down)):
        for column, across_values in enumerate(cells_of(wide)):
            cell_values = {**values, **across_values}
            together = {**fixed, **cell_values}
            settings = replace(request.settings.set_aside(together), **together)
            named = {axis.name: cell_values[axis.name] for axis in many}
            cells.append(Cell(row, column, cell_values, _job(request, settings, named)))
    return SweepPlan(across, down, tuple(cells))


def _job(request: SweepRequest, settings: Settings, named: Mapping[str, Any]) -> Job:
    parts = [f"{name.replace('_', '-')}-{_word(value)}" for name, value in named.items()]
    return Job(
        content=request.content,
        styles=request.styles,
        output=request.folder / (("_".join(parts) or "picture") + request.suffix),
        **{**request.as_keywords, "settings": settings},
    )


def _word(value: Any) -> str:
    """A value as part of a name; a hash tells apart what is cut, or named like another."""
    label, text = label_of(value), text_of(value)
    word = cleaned(label)
    if word == text and len(word) <= _LONGEST:
        return word
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{word[:_LONGEST]}-{digest}"
