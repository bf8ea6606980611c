"""How numbers are written by people and read back."""

from collections.abc import Iterable

from stylecli.errors import SettingsError


def parse_numbers(name: str, text: str) -> tuple[float, ...]:
    """Read `3,1` into numbers; raises `SettingsError`."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(
            f"{name} must be numbers separated by commas, such as 3,1, got {text!r}."
        ) from None


def format_numbers(values: Iterable[float]) -> str:
    """The inverse of `parse_numbers`."""
    return ",".join(map(format_number, values))


def format_number(value: float) -> str:
    """The shortest text that reads back as exactly this number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
