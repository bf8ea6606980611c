import math

import numpy as np
import pytest
from PIL import Image, ImageColor

from stylecli.monitor.plot import HEIGHT, WIDTH, Curve, draw_curves

BLUE, RUST = ImageColor.getrgb("#1f5fa8"), ImageColor.getrgb("#c2410c")
GRID = ImageColor.getrgb("#dddddd")
LEFT, RIGHT, TOP, BOTTOM = 84, 936, 56, 480  # where the curves are drawn


def draw(*values: list[float], breaks: tuple[int, ...] = ()) -> Image.Image:
    return draw_curves([Curve(f"c{i}", v) for i, v in enumerate(values)], breaks, "a title")


def has(image: Image.Image, color: tuple[int, ...], x: float, y: float) -> bool:
    """Whether a colour is seen within 2 pixels of a place."""
    column, row = round(x), round(y)
    return within(image, color, (column - 2, row - 2, column + 3, row + 3))


def drawn(image: Image.Image, color: tuple[int, ...]) -> bool:
    """Whether a colour is seen where curves are, below the names."""
    return within(image, color, (0, TOP - 5, WIDTH, HEIGHT))


def within(image: Image.Image, color: tuple[int, ...], box: tuple[int, int, int, int]) -> bool:
    return bool((np.asarray(image.crop(box)) == color).all(-1).any())


def test_values_fall_on_a_logarithmic_scale() -> None:
    image = draw([1.0, 0.1, 0.01, 0.01, 0.01])
    assert image.size == (WIDTH, HEIGHT) and image.mode == "RGB"
    step = (RIGHT - LEFT) / 4
    for index, decades in enumerate((0, 1, 2, 2, 2)):
        assert has(image, BLUE, LEFT + index * step, TOP + decades * (BOTTOM - TOP) / 2)
    assert has(image, BLUE, LEFT + step / 2, TOP + (BOTTOM - TOP) / 4)  # a line in between
    assert not has(image, BLUE, RIGHT, TOP)


def test_each_curve_has_its_colour_and_a_shorter_one_ends_sooner() -> None:
    image = draw([1.0, 1.0, 1.0], [0.1, 0.1])
    assert has(image, BLUE, RIGHT, TOP)
    assert has(image, RUST, (LEFT + RIGHT) / 2, BOTTOM)
    assert not has(image, RUST, RIGHT - 10, BOTTOM)
    for index, color in enumerate((BLUE, RUST)):  # beside their names
        assert image.getpixel((LEFT + 150 * index + 12, 40)) == color


def test_decades_and_breaks_are_marked() -> None:
    without, image = draw([1.0] * 5 + [0.001]), draw([1.0] * 5 + [0.001], breaks=(3,))
    for decades in (1, 2, 3):  # the curve hides the first
        assert has(without, GRID, LEFT + 100, TOP + decades * (BOTTOM - TOP) / 3)
    assert not has(without, GRID, LEFT + 100, TOP + (BOTTOM - TOP) / 2)
    place = LEFT + (RIGHT - LEFT) * 2 / 5, TOP + (BOTTOM - TOP) / 2
    assert has(image, GRID, *place) and not has(without, GRID, *place)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_what_has_no_logarithm_is_left_out(bad: float) -> None:
    """The others are drawn where they are without it."""
    image = draw([1.0, bad, 0.01])
    assert has(image, BLUE, LEFT, TOP) and has(image, BLUE, RIGHT, BOTTOM)
    assert has(image, BLUE, (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)  # the line goes on


@pytest.mark.parametrize("values", [[], [math.nan, math.nan], [0.5]])
def test_nothing_to_draw_is_an_empty_plot(values: list[float]) -> None:
    image = draw(values)
    assert not drawn(image, BLUE)
    assert drawn(image, GRID)
    assert draw_curves([], (), "").size == (WIDTH, HEIGHT)


def test_a_constant_loss_is_a_level_line() -> None:
    image = draw([1.0, 1.0, 1.0])
    assert all(has(image, BLUE, x, TOP) for x in (LEFT, 500, RIGHT))


def test_what_is_far_smaller_is_drawn_at_the_bottom() -> None:
    """Six decades at most."""
    image = draw([1.0, 1e-3, 1e-30])
    assert has(image, BLUE, (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert has(image, BLUE, RIGHT, BOTTOM)


def test_colours_come_round() -> None:
    image = draw(*[[10.0**-index] * 2 for index in range(5)])
    assert has(image, BLUE, 500, TOP) and has(image, BLUE, 500, BOTTOM)
    assert has(image, RUST, 500, TOP + (BOTTOM - TOP) / 4)


def test_title_and_names_are_written() -> None:
    named = np.asarray(draw([1.0, 0.5]), int)
    bare = np.asarray(draw_curves([Curve("", [1.0, 0.5])], (), ""), int)
    rows, columns = np.nonzero((named != bare).any(-1))
    assert rows.max() < TOP and columns.min() >= LEFT
    assert (rows < 28).any() and (rows > 32).any()  # a line for the title, one for the names
