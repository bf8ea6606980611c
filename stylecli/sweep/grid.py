"""Grid of a sweep: a job at every combination of some settings' values. No torch."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from stylecli.batch.output_names import Draft, Naming, cleaned, name_outputs
from stylecli.errors import UsageError
from stylecli.images.formats import check_local
from stylecli.job import Job, JobOptions
from stylecli.settings.parsing import text_of
from stylecli.sweep.axes import STYLES, Axis, cells_of, label_of, spread

MOST_CELLS: Final = 5000
MOST_ACROSS: Final = 8  # cells in a row, where there is one axis alone
_LONGEST: Final = 40  # characters of one value in a name


@dataclass(frozen=True, kw_only=True)
class SweepRequest(JobOptions):
    """Options of a sweep; `axes` override `settings`, and an axis of styles overrides `styles`."""

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
    """The cells, row by row; the axis along the columns, if any, and those along the rows.

    Where one axis alone is long, it is `wrapped`: it goes on in the next row, and cells instead of
    columns have names.
    """

    across: Axis | None
    down: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    wrapped: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows."""
        if self.wrapped:
            return ("",) * (1 + self.cells[-1].row)
        return tuple(map(cell_name, cells_of(self.down)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        if self.wrapped:
            return ("",) * (1 + max(cell.column for cell in self.cells))
        return tuple(map(cell_name, cells_of([self.across] if self.across else [])))


def cell_name(values: Mapping[str, Any]) -> str:
    """The values of a cell, a row or a column in few words."""
    return ", ".join(
        label_of(value) if name == STYLES else f"{name} {label_of(value)}"
        for name, value in values.items()
    )


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Cells with an output each, named by its values alone, so that a wider sweep finds them.

    The longest axis goes across, styles down where there is another. Raises `UsageError` or
    `SettingsError`, the latter for a combination that makes no sense.
    """
    check_local(request.folder)
    axes = [spread(axis, len(request.styles) or 1) for axis in request.axes]
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_CELLS:
        raise UsageError(f"the sweep has {count} cells: it takes at most {MOST_CELLS}.")
    many = [axis for axis in axes if len(axis.values) > 1]
    fixed = {axis.name: axis.values[0] for axis in axes if len(axis.values) == 1}
    wide = sorted(many, key=lambda axis: (axis.name == STYLES, -len(axis.values)))[:1]
    down = tuple(axis for axis in many if axis not in wide)
    wrapped = not down and count > MOST_ACROSS
    width = math.ceil(math.sqrt(count)) if wrapped else len(cells_of(wide))
    words = _style_words(request)
    cells = []
    for index, values in enumerate(cells_of([*down, *wide])):
        together = {**fixed, **values}
        style = together.pop(STYLES, None)
        settings = replace(request.settings.set_aside(together), **together)
        parts = [_part(axis.name, values[axis.name], words) for axis in many]
        job = Job(
            content=request.content,
            styles=request.styles if style is None else (style,),
            output=request.folder / (("_".join(parts) or "picture") + request.suffix),
            **{**request.as_keywords, "settings": settings},
        )
        cells.append(Cell(*divmod(index, width), values, job))
    return SweepPlan(wide[0] if wide else None, down, tuple(cells), wrapped)


def _style_words(request: SweepRequest) -> Mapping[Path, str]:
    """Each style's name as part of a file's, told apart where two are called alike."""
    paths = [path for axis in request.axes if axis.name == STYLES for path in axis.values]
    drafts = [Draft(request.content, (path,)) for path in paths]
    names = name_outputs(Naming("{style}", request.suffix), drafts)
    return {
        path: str(name).removesuffix(request.suffix)
        for path, name in zip(paths, names, strict=True)
    }


def _part(name: str, value: Any, words: Mapping[Path, str]) -> str:
    if name == STYLES:
        return f"style-{words[value]}"
    return f"{name.replace('_', '-')}-{_word(value)}"


def _word(value: Any) -> str:
    """A value as part of a name; a hash tells apart what is cut, or named like another."""
    label, text = label_of(value), text_of(value)
    word = cleaned(label)
    if word == text and len(word) <= _LONGEST:
        return word
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{word[:_LONGEST]}-{digest}"
