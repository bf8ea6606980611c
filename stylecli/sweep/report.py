"""Report of a sweep: a contact sheet, a page for a browser, a CSV table."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylecli.batch.outcome import Outcome
from stylecli.images.alpha import on_white
from stylecli.images.reading import read_picture
from stylecli.images.writing import to_pil
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.provenance.command_line import command_of
from stylecli.quoting import csv_cell, file_name, script_json
from stylecli.settings.parsing import text_of
from stylecli.sweep.contact_sheet import SheetCell, draw_sheet
from stylecli.sweep.grid import Cell, SweepPlan, cell_name
from stylecli.sweep.report_files import (
    COLUMNS,
    DISTANCES,
    GENERATOR,
    LOSSES,
    PAGE,
    SHEET,
    TABLE,
    report_guard,
)
from stylecli.transfer.resample import fit, resize

_THUMB: Final = 320  # pixels of a picture inside the page
_TEMPLATE: Final = Path(__file__).parent / "sweep.html"
NOT_PASTED: Final = "none: a name in it holds characters that cannot safely be pasted"
MOST_NAMED: Final = 4  # styles in a title


def write_report(folder: Path, plan: SweepPlan, outcomes: Sequence[Outcome]) -> None:
    """Write sheet, page and table into a folder, each whole or not at all.

    `outcomes` are those of the plan's cells, in order. Raises `OutputError`.
    """
    guard = report_guard(folder, plan)
    pairs = list(zip(plan.cells, outcomes, strict=True))
    pictures = [_thumbnail(cell, outcome) for cell, outcome in pairs]
    title = _title(plan)
    cells = {
        (cell.row, cell.column): SheetCell(picture, _lines(plan, cell, outcome))
        for (cell, outcome), picture in zip(pairs, pictures, strict=True)
    }
    file = io.BytesIO()
    generator = PngInfo()
    generator.add_text("Software", GENERATOR)
    draw_sheet(cells, plan.rows, plan.columns, title).save(file, "PNG", pnginfo=generator)
    guard.write_bytes(folder / SHEET, file.getvalue())
    guard.write_bytes(folder / PAGE, _page(plan, pairs, pictures, title).encode())
    guard.write_bytes(folder / TABLE, _table(plan, pairs).encode())


def _thumbnail(cell: Cell, outcome: Outcome) -> Image.Image | None:
    """A small copy of a cell's picture, or `None` where there is none."""
    if outcome.status == "failed":
        return None
    picture = read_picture(cell.job.output)
    pixels = picture.pixels
    if picture.alpha is not None:  # on white, as a page shows it
        pixels = on_white(pixels, picture.alpha)
    size = fit((picture.height, picture.width), min(_THUMB, max(picture.height, picture.width)))
    return to_pil(resize(pixels[None], size)[0])


def losses_of(outcome: Outcome) -> Mapping[str, float | None]:
    """The losses that the recipe of a made picture records."""
    return {} if outcome.recipe is None else dict(outcome.recipe["losses"])


def _lines(plan: SweepPlan, cell: Cell, outcome: Outcome) -> tuple[str, ...]:
    """The text below a cell: its losses, and its name where no column has it."""
    losses = losses_of(outcome)
    names = (cell_name(cell.values),) if plan.wrapped else ()
    known = [name for name in LOSSES[:2] if losses.get(name) is not None]
    return (*names, *(f"{name} {losses[name]:.3g}" for name in known))


def _title(plan: SweepPlan) -> str:
    job = plan.cells[0].job
    count = len({cell.job.styles for cell in plan.cells})
    if count > 1:
        return escaped(f"{job.content.name} in {count} styles")
    styles = " + ".join(style.name for style in job.styles[:MOST_NAMED])
    others = len(job.styles) - MOST_NAMED
    rest = f" and {others} more" if others > 0 else ""
    return escaped(f"{job.content.name} in the style of {styles}{rest}")


def _table(plan: SweepPlan, pairs: Sequence[tuple[Cell, Outcome]]) -> str:
    axes = [*plan.down, *([plan.across] if plan.across else [])]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*(axis.name for axis in axes), *COLUMNS])
    for cell, outcome in pairs:
        recorded = losses_of(outcome)
        values = [_cell_text(axis.name, cell.values[axis.name]) for axis in axes]
        losses = ["" if recorded.get(name) is None else recorded[name] for name in LOSSES]
        seconds = "" if outcome.seconds is None else round(outcome.seconds, 3)
        distances = [outcome.distances.get(name, "") for name in DISTANCES]
        name = cell.job.output.name
        row = [*values, name, outcome.status, *losses, *distances, seconds]
        writer.writerow(map(csv_cell, row))
    return file.getvalue()


def _cell_text(name: str, value: Any) -> str:
    """A value as its option takes it, of an absolute path the name alone."""
    names_file = isinstance(value, Path) or (name in ("init", "encoder") and value is not None)
    return str(file_name(Path(value))) if names_file else text_of(value)


def _page(
    plan: SweepPlan,
    pairs: Sequence[tuple[Cell, Outcome]],
    pictures: Sequence[Image.Image | None],
    title: str,
) -> str:
    data = {
        "title": title,
        "named": plan.wrapped,
        "rows": plan.rows,
        "columns": plan.columns,
        "cells": [
            _page_cell(cell, outcome, picture)
            for (cell, outcome), picture in zip(pairs, pictures, strict=True)
        ],
    }
    page = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return page.substitute(data=script_json(data))


def _page_cell(cell: Cell, outcome: Outcome, picture: Image.Image | None) -> dict[str, Any]:
    settings = {} if outcome.recipe is None else outcome.recipe["settings"]
    return {
        "row": cell.row,
        "column": cell.column,
        "name": cell_name(cell.values),
        "file": quote(cell.job.output.name),
        "thumb": None if picture is None else _data_url(picture),
        "error": _without_folders(outcome.error, cell.job),
        "losses": dict(losses_of(outcome)),
        "distances": dict(outcome.distances),
        "settings": settings,
        "command": command_of(cell.job) or NOT_PASTED,
        "large": _large_command(cell.job),
    }


def _without_folders(error: str | None, job: Job) -> str | None:
    """An error as a page may show it: without the folders of this machine."""
    for path in (*job.input_files, job.output):
        if error is not None and path.is_absolute():
            error = error.replace(str(path), path.name)
    return error


def _large_command(job: Job) -> str | None:
    """The command of the same picture at the content's own size, where the cell is smaller."""
    if job.settings.size is None:
        return None
    output = job.output.with_name(f"{job.output.stem}-large{job.output.suffix}")
    large = replace(job, output=output, settings=replace(job.settings, size=None))
    return command_of(large) or NOT_PASTED


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
