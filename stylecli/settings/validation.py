"""Checks of values from outside, each with a sentence that names the value and its range."""

import numbers
from typing import Any, Final

from stylecli.errors import SettingsError
from stylecli.messages import did_you_mean, short_repr

LONGEST_PATH: Final = 4096  # characters, as most systems have it


def plain_number(value: Any) -> Any:
    """A number of numpy's or another library's as Python's own; anything else as it is."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def check_range(name: str, value: Any, low: float, high: float) -> None:
    """Raise `SettingsError` unless a value is `None` or a number from `low` to `high`."""
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # so is NaN refused, and 10**400, without a float
        raise SettingsError(
            f"{name} must be a number from {low:g} to {high:g}, got {short_repr(value)}."
        )


def check_integer(name: str, value: Any, low: int, high: int) -> None:
    """Raise `SettingsError` unless a value is `None` or a whole number from `low` to `high`."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingsError(
            f"{name} must be a whole number from {low} to {high}, got {short_repr(value)}."
        )


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise `SettingsError` unless a value is one of `choices`."""
    if value not in choices:
        near = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise SettingsError(
            f"{name} must be one of {', '.join(choices)}, got {short_repr(value)}{near or '.'}"
        )


def check_text(name: str, value: Any) -> None:
    """Raise `SettingsError` unless a value is a text that can be a name or a path."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATH or "\0" in value:
        raise SettingsError(f"{name} must be a name or a path, got {short_repr(value)}.")
