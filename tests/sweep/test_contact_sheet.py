"""A contact sheet."""

import numpy
from PIL import Image

from stylecli.images.fonts import font
from stylecli.sweep.contact_sheet import SIDE, SheetCell, cell_side, draw_sheet


def box(sheet: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Where a plain color lies: left, top, right, bottom."""
    rows, columns = numpy.nonzero((numpy.asarray(sheet) == color).all(-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_cells_lie_in_their_rows_and_columns() -> None:
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    cells = {
        (0, 0): SheetCell(Image.new("RGB", (100, 50), red), ("content 1",)),
        (0, 1): SheetCell(Image.new("RGB", (100, 50), green)),
        (1, 1): SheetCell(Image.new("RGB", (50, 100), blue)),
        (1, 0): SheetCell(None, ("it failed",)),
    }
    sheet = draw_sheet(cells, ["one", "two"], ["a", "b"], "title")
    at = {color: box(sheet, color) for color in (red, green, blue)}
    assert at[red][1] == at[green][1] < at[blue][1]
    assert at[red][0] < at[green][0] == at[blue][0]
    assert at[red][2] - at[red][0] == 100
    assert at[red][2] <= at[green][0]


def test_large_pictures_are_reduced_and_undistorted() -> None:
    sheet = draw_sheet({(0, 0): SheetCell(Image.new("RGB", (1000, 500), "red"))}, [""], [""], "")
    left, top, right, bottom = box(sheet, (255, 0, 0))
    assert (right - left, bottom - top) == (SIDE, SIDE // 2)


def test_small_pictures_take_no_more_room_than_they_need() -> None:
    def height(size: tuple[int, int]) -> int:
        return draw_sheet({(0, 0): SheetCell(Image.new("RGB", size))}, [""], [""], "").height

    assert height((200, 100)) == height((2 * SIDE, SIDE)) - SIDE // 2 + 100


def test_many_cells_make_small_ones() -> None:
    assert cell_side(3, 3) == SIDE
    assert cell_side(1, 100) < 120
    assert cell_side(1, 5000) == 48


def test_names_have_room() -> None:
    wide = draw_sheet({}, ["a row with a long name"], ["a column with a very long name" * 3], "")
    narrow = draw_sheet({}, ["a"], ["b"], "")
    assert wide.width > narrow.width + 300


def test_a_line_below_a_small_picture_is_not_covered_by_the_next() -> None:
    picture = Image.new("RGB", (8, 8))
    name = "a name that is much wider than the picture"
    one, two = (
        draw_sheet(
            {(0, n): SheetCell(picture, (name,)) for n in range(count)}, [""], [""] * count, ""
        )
        for count in (1, 2)
    )
    text = font(14).getlength(name)
    assert two.width - one.width > text
