"""A plot of losses over iterations, drawn without a plotting library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from stylecli.images.fonts import font

WIDTH: Final = 960
HEIGHT: Final = 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 56, 60
_INK: Final = "#222222"
_GRID: Final = "#dddddd"
_COLORS: Final = ("#1f5fa8", "#c2410c", "#2f7d32", "#7c3aed")
_DECADES: Final = 6  # drawn at most: smaller values are drawn at the bottom


@dataclass(frozen=True)
class Curve:
    """Values by iteration, with a name; values that are not above 0 are left out."""

    name: str
    values: Sequence[float]


def draw_curves(curves: Sequence[Curve], breaks: Sequence[int], title: str) -> Image.Image:
    """Curves over iterations on a logarithmic scale; `breaks` are iterations marked by a line."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    values = [value for curve in curves for value in curve.values if _is_positive(value)] or [1.0]
    top = math.ceil(math.log10(max(values)))
    bottom = max(math.floor(math.log10(min(values))), top - _DECADES)
    bottom = min(bottom, top - 1)
    count = max([len(curve.values) for curve in curves] + [2])

    def place(iteration: float, value: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (iteration - 1) / (count - 1)
        share = (math.log10(max(value, 10.0**bottom)) - bottom) / (top - bottom)
        return x, HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share

    _frame(draw, place, (bottom, top), count, breaks)
    for index, curve in enumerate(curves):
        points = [place(i, v) for i, v in enumerate(curve.values, 1) if _is_positive(v)]
        color = _COLORS[index % len(_COLORS)]
        if len(points) > 1:
            draw.line(points, fill=color, width=2, joint="curve")
        x = _LEFT + 150 * index
        draw.line([(x, 40), (x + 24, 40)], fill=color, width=4)
        draw.text((x + 32, 40), curve.name, fill=_INK, font=font(16), anchor="lm")
    draw.text((_LEFT, 16), title, fill=_INK, font=font(18), anchor="lm")
    return image


def _frame(
    draw: ImageDraw.ImageDraw,
    place: Callable[[float, float], tuple[float, float]],
    decades: tuple[int, int],
    count: int,
    breaks: Sequence[int],
) -> None:
    """Axes, decades and the places where a new scale begins."""
    bottom, top = decades
    for exponent in range(bottom, top + 1):
        (x0, y), (x1, _) = place(1, 10.0**exponent), place(count, 1.0)
        draw.line([(x0, y), (x1, y)], fill=_GRID)
        text = f"{10.0**exponent:g}"
        draw.text((x0 - 8, y), text, fill=_INK, font=font(14), anchor="rm")
    for iteration_of_break in breaks:
        x, _ = place(iteration_of_break, 1.0)
        draw.line([(x, _TOP), (x, HEIGHT - _BOTTOM)], fill=_GRID)
    for share in range(5):
        iteration = 1 + round((count - 1) * share / 4)
        x, _ = place(iteration, 1.0)
        draw.text((x, HEIGHT - 44), str(iteration), fill=_INK, font=font(14), anchor="mt")
    draw.text((WIDTH / 2, HEIGHT - 22), "iteration", fill=_INK, font=font(14), anchor="mt")


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0.0
