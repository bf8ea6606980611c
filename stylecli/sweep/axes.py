"""The axes of a sweep: settings with several values, written as lists or ranges. No torch."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from stylecli.errors import SettingsError, UsageError
from stylecli.messages import short_repr
from stylecli.settings import LAYER_FIELDS, NUMBER_FIELDS, Settings
from stylecli.settings.parsing import parse_layers, parse_numbers, text_of

NAMES: Final = tuple(field.name for field in fields(Settings))
STYLES: Final = "styles"  # an axis of pictures; `style` is a loss in the table
LISTS: Final = (*LAYER_FIELDS, *NUMBER_FIELDS)
MOST: Final = 1000  # values of one axis
_LARGEST: Final = 1e30  # past every setting's limit, and small enough to calculate with
_TYPES: Final = get_type_hints(Settings)
_RANGE: Final = re.compile(r"([^:]+):([^:]+)(?::(log|lin)?(\d{1,6}))?")


@dataclass(frozen=True)
class Axis:
    """A setting and its values, as `Settings` holds them; or `STYLES` and their paths."""

    name: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The values in few words: the names of files that are given by path."""
        return tuple(label_of(value) for value in self.values)


def parse_axis(name: str, text: str) -> Axis:
    """Read the values of a setting.

    `1,10,100` is a list, `0:1:5` five numbers from 0 to 1, `1:1000:log4` four by equal factors,
    `0:3` the whole numbers. Values that are lists themselves, such as layers, are separated by
    semicolons. Raises `UsageError`.
    """
    parts = _split(name, text)
    values = tuple(dict.fromkeys(value for part in parts for value in _values(name, part)))
    if len(values) > MOST:
        raise UsageError(f"{name} has {len(values)} values: a sweep takes at most {MOST}.")
    return Axis(name, values)


def spread(axis: Axis, styles: int) -> Axis:
    """The axis where `--style-scale 0.5,1,2` has more numbers than styles: each is a value."""
    if axis.name != "style_scale" or all(len(value) in (1, styles) for value in axis.values):
        return axis
    numbers = dict.fromkeys((number,) for value in axis.values for number in value)
    return Axis(axis.name, tuple(numbers))


def label_of(value: Any) -> str:
    """A setting's value in few words."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return Path(value).name
    match value:
        case ((str(layer), 1.0),):
            return layer
    return text_of(value)


def _split(name: str, text: str) -> list[str]:
    if name in LISTS:
        separated = ";" in text or name not in LAYER_FIELDS
        parts = text.split(";") if separated else _presets(text)
    else:
        parts = text.split(",")
    parts = [part.strip() for part in parts]
    if not all(parts):
        raise UsageError(f"{name} has an empty value in {text!r}.")
    return parts


def _presets(text: str) -> list[str]:
    """`fine,coarse` are two values of the style's layers, `relu1_1,relu2_1` is one."""
    parts = text.split(",")
    return parts if {part.strip() for part in parts} <= {"fine", "normal", "coarse"} else [text]


def _values(name: str, part: str) -> Iterable[Any]:
    kinds = {_TYPES[name], *get_args(_TYPES[name])}
    if name in LAYER_FIELDS:
        return [parse_layers(part)]
    if match := _RANGE.fullmatch(part) if {int, float} & kinds or name == "style_scale" else None:
        whole = int in kinds
        numbers = _range(name, part, whole, *match.groups())
        return [(number,) for number in numbers] if name == "style_scale" else numbers
    if name in LISTS:
        return [parse_numbers(name, part)]
    if int in kinds:
        return [int(_number(name, part, whole=True))]
    return [_number(name, part)] if float in kinds else [part]


def _range(
    name: str, text: str, whole: bool, first: str, last: str, kind: str | None, count: str | None
) -> list[Any]:
    low, high = _number(name, first, whole), _number(name, last, whole)
    if count is None:
        if not whole:
            raise UsageError(
                f"say how many values {name} has from {low:g} to {high:g}: {low:g}:{high:g}:5."
            )
        steps = int(abs(high - low)) + 1
    else:
        steps = int(count)
    if not 1 <= steps <= MOST:
        raise UsageError(f"{name} has {steps} values in {text!r}: a sweep takes 1 to {MOST}.")
    if kind == "log" and not (low > 0 and high > 0):
        raise UsageError(
            f"{name} cannot go in equal factors from {low:g} to {high:g}: both must be above 0."
        )
    if count is None:  # counted, not divided: seeds may have more digits than a float
        step = 1 if high >= low else -1
        return list(range(int(low), int(high) + step, step))
    shares = [i / max(1, steps - 1) for i in range(steps)]
    if kind == "log":
        factor = math.log(high) - math.log(low)
        numbers = [math.exp(math.log(low) + share * factor) for share in shares]
    else:
        numbers = [low + share * (high - low) for share in shares]
    return [round(number) if whole else float(f"{number:.6g}") for number in numbers]


def _number(name: str, text: str, whole: bool = False) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise UsageError(
            f"{name} must be {kind}, a list such as 1,10 or a range such as 1:100:log3, got "
            f"{short_repr(text)}."
        ) from None
    if not abs(number) <= _LARGEST:
        raise SettingsError(
            f"{name} must be a finite number up to {_LARGEST:g}, got {short_repr(text)}."
        )
    return number


def cells_of(axes: Iterable[Axis]) -> Sequence[Mapping[str, Any]]:
    """Every combination of the axes' values, the last axis running fastest."""
    cells: list[dict[str, Any]] = [{}]
    for axis in axes:
        cells = [{**cell, axis.name: value} for cell in cells for value in axis.values]
    return cells
