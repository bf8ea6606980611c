"""A contact sheet: pictures in rows and columns, with the names of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from stylecli.images.fonts import font

SIDE: Final = 320  # pixels of a cell's picture, at most
WIDEST: Final = 12_000  # pixels of the sheet
LONGEST_NAME: Final = 60  # characters of the name of a row or a column
LONGEST_TITLE: Final = 120
_SMALLEST: Final = 48
_GAP, _LINE = 12, 20
_FONT, _SMALL = 17, 14
_INK, _FAINT, _PAPER, _EMPTY = "#222222", "#666666", "#ffffff", "#eeeeee"


@dataclass(frozen=True)
class SheetCell:
    """A picture, or none where it failed, and lines of text below it."""

    picture: Image.Image | None
    lines: tuple[str, ...] = ()


def draw_sheet(
    cells: Mapping[tuple[int, int], SheetCell],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
) -> Image.Image:
    """A sheet of `cells` by (row, column), with names left and above."""
    rows, columns = [_cut(name) for name in rows], [_cut(name) for name in columns]
    title = _cut(title, LONGEST_TITLE)
    side = cell_side(len(rows), len(columns))
    shapes = [_fitted(cell.picture, side) for cell in cells.values() if cell.picture is not None]
    tallest = max((height for _, height in shapes), default=side)
    widest = max((width for width, _ in shapes), default=side)
    lines = max((len(cell.lines) for cell in cells.values()), default=0)
    left = _GAP + max((_width(name) for name in rows), default=0) + _GAP
    top = _GAP + 2 * _LINE + _LINE + _GAP
    texts = [_width(_cut(line), _SMALL) for cell in cells.values() for line in cell.lines]
    cell_width = max([widest, *map(_width, columns), *texts])
    step = cell_width + _GAP, tallest + lines * _LINE + _GAP
    size = left + len(columns) * step[0], top + len(rows) * step[1]
    sheet = Image.new("RGB", (max(size[0], 2 * _GAP + _width(title)), size[1]), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), title, fill=_INK, font=font(_FONT))
    for column, name in enumerate(columns):
        draw.text((left + column * step[0], top - _LINE - 4), name, fill=_INK, font=font(_FONT))
    for row, name in enumerate(rows):
        middle = top + row * step[1] + tallest // 2
        draw.text((_GAP, middle), name, fill=_INK, font=font(_FONT), anchor="lm")
    for (row, column), cell in cells.items():
        place = left + column * step[0], top + row * step[1]
        _draw_cell(sheet, draw, cell, place, (side, widest, tallest))
    return sheet


def _cut(name: str, longest: int = LONGEST_NAME) -> str:
    """A name short enough for the sheet, whose width it would be: files give it."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def cell_side(rows: int, columns: int) -> int:
    """Pixels of a cell's long side: `SIDE`, or what lets the sheet stay within `WIDEST`."""
    return max(_SMALLEST, min(SIDE, WIDEST // max(rows, columns, 1) - 2 * _GAP))


def _draw_cell(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    cell: SheetCell,
    place: tuple[int, int],
    space: tuple[int, int, int],
) -> None:
    (x, y), (side, width, height) = place, space
    if cell.picture is None:
        draw.rectangle((x, y, x + width, y + height), fill=_EMPTY)
        draw.text((x + width / 2, y + height / 2), "failed", _FAINT, font(_FONT), anchor="mm")
    else:
        size = _fitted(cell.picture, side)
        sheet.paste(cell.picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), (x, y))
    for number, line in enumerate(cell.lines):
        at = x, y + height + 3 + number * _LINE
        draw.text(at, _cut(line), fill=_FAINT, font=font(_SMALL))


def _fitted(picture: Image.Image, side: int) -> tuple[int, int]:
    """The picture's size in a cell, where a small one is not enlarged."""
    width, height = picture.size
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _width(text: str, size: int = _FONT) -> int:
    return int(font(size).getlength(text)) + 1
