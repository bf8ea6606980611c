"""Where defaults come from: variants of one setting on the judge's pairs, through both encoders.

    python benchmarks/calibrate.py NAME IMAGES OUT_FOLDER [--size 256] [--pairs 0,1,...]

NAME is one of the tables below. For each encoder and value it prints the geometric means of J,
content and style in the original VGG-19 (`judge.py`), and at the end what goes into the code. The
pictures stay in the folder, as a contact sheet: a value is chosen by eye where J tells little.
"""

import argparse
import contextlib
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

from judge import PAIRS, Judgment, Maker, numbers

from stylecli.sweep.contact_sheet import draw_sheet
from stylecli.transfer.objective import octaves, targets
from stylecli.transfer.objective.tiles import grid

ENCODERS: Final = ("compact", "vgg19")
TABLES: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {  # a setting and its values
    "strength": ("strength", (0.2, 0.5, 0.8)),
    "chroma-tv": ("chroma_tv", (0.0, 1.0, 5.0, 20.0)),
    "tv": ("tv", (0.0, 1.0, 5.0)),
    "pooling": ("pooling", ("max", "average")),
    "octaves": ("octaves", (1, 3, None)),
    "iterations": ("quality", ("draft", "normal", "high")),
    "first-octave": ("first octave's weight", (1.0, 2.0)),  # of the core, not a setting
    "positions": ("fewest positions", (4, 8, 12)),
    "margin": ("margin in cells", (0, 1, 2)),
}


@contextlib.contextmanager
def core_value(name: str, value: Any) -> Iterator[None]:
    """A constant of the core at another value for a while."""
    values: dict[str, tuple[object, str, Any]] = {
        "first-octave": (targets, "octave_weights", lambda count: _weighted(value, count)),
        "positions": (octaves, "FEWEST_POSITIONS", value),
        "margin": (octaves, "grid", lambda steps: value * grid(steps)),
    }
    with contextlib.ExitStack() as stack:
        if name in values:
            stack.enter_context(mock.patch.object(*values[name]))
        yield


def _weighted(first: float, count: int) -> list[float]:
    total = first + count - 1
    return [first / total, *[1.0 / total] * (count - 1)]


def settings_for(name: str, value: Any, encoder: str) -> dict[str, Any]:
    """Settings of one variant; a value of the core leaves them at their defaults."""
    field = TABLES[name][0]
    own = {} if " " in field or value is None else {field: value}
    return {"encoder": encoder, **own}


def mean_of(rows: dict[int, Judgment], part: Callable[[Judgment], float]) -> float:
    """The geometric mean over pairs."""
    return statistics.geometric_mean(map(part, rows.values()))


def conclude(name: str, maker: Maker, encoder: str, values: tuple[Any, ...]) -> None:
    """Say which value goes into the code."""
    if name == "strength":
        middle = maker.found[f"{encoder} 0.5"]
        ratio = mean_of(middle, lambda each: each.content / each.style)
        print(f"{encoder}: content / style is {ratio:.1f} at 0.5, where both should weigh alike")
        print(f"  BALANCED_RATIO = {ratio:.0f}, or stays where it is within a factor of 1.5")
        return
    found = {v: mean_of(maker.found[f"{encoder} {v}"], lambda e: e.objective) for v in values}
    best = min(found, key=lambda value: found[value])
    print(f"{encoder}: lowest J at {TABLES[name][0]} = {best} ({found[best]:.3f})")


def main() -> None:
    """Make, judge, conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TABLES)
    parser.add_argument("images", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pairs", type=numbers, default=range(len(PAIRS)), metavar="0,1,...")
    parser.add_argument("--encoders", nargs="*", default=ENCODERS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    maker = Maker(given.images, given.folder, given.size, 0)
    values, rows = TABLES[given.name][1], list(given.pairs)
    columns = [(encoder, value) for encoder in given.encoders for value in values]
    for column, (encoder, value) in enumerate(columns):
        settings = settings_for(given.name, value, encoder)
        with core_value(given.name, value):
            for row in rows:
                name = f"{encoder} {value}"
                maker.add(row, column, name, *maker.make(row, name, settings))
    maker.show_means()
    for encoder in given.encoders:
        conclude(given.name, maker, encoder, values)
    cells = {(rows.index(row), column): cell for (row, column), cell in maker.cells.items()}
    titles = [f"{content}, {style}" for content, style in (PAIRS[row] for row in rows)]
    names = [f"{encoder} {value}" for encoder, value in columns]
    draw_sheet(cells, titles, names, given.name).save(given.folder / "sheet.png")
    print(given.folder / "sheet.png")


if __name__ == "__main__":
    main()
