"""Parsing and formatting of settings: layers with weights, numbers, and any value as text."""

import codecs
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from stylecli.errors import SettingsError
from stylecli.messages import short_repr
from stylecli.settings.validation import check_range

MAX_LAYERS: Final = 64  # VGG-19 has 43
LONGEST_NAME: Final = 64  # characters of a layer's name
MAX_NUMBERS: Final = 1000  # one for each style
LayerWeights = tuple[tuple[str, float], ...]


def decode_text(data: bytes, errors: str = "strict") -> str:
    """Text from a file: UTF-8, or what a byte order mark says, without the mark.

    Windows PowerShell redirects into UTF-16. Raises `UnicodeDecodeError`.
    """
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            return data.decode("utf-16", "replace" if errors == "surrogateescape" else errors)
    return data.decode("utf-8-sig", errors)


def parse_layers(text: str) -> LayerWeights:
    """Read `relu1_1:5,relu2_1` into (name, weight) pairs; a weight left out is 1."""
    pairs = []
    if text.count(",") >= MAX_LAYERS:
        raise SettingsError(f"there must be at most {MAX_LAYERS} layers.")
    for part in text.split(","):
        name, colon, weight = part.strip().partition(":")
        try:
            pairs.append((name.strip(), float(weight) if colon else 1.0))
        except ValueError:
            raise SettingsError(
                f"cannot read layer {short_repr(part.strip())}: write NAME or NAME:WEIGHT, "
                "separated by commas, such as relu1_1:5,relu2_1:4."
            ) from None
    layers = tuple(pairs)
    check_layer_weights("layers", layers)
    return layers


def format_layers(layers: Iterable[tuple[str, float]]) -> str:
    """The inverse of `parse_layers`."""
    return ",".join(f"{name}:{format_number(weight)}" for name, weight in layers)


def check_layer_weights(name: str, layers: Any) -> None:
    """Raise `SettingsError` unless `layers` is `None` or names layers once, not all of weight 0."""
    if layers is None:
        return
    if not isinstance(layers, tuple) or not layers:
        raise SettingsError(f"{name} must name at least one layer.")
    if len(layers) > MAX_LAYERS:
        raise SettingsError(f"{name} must name at most {MAX_LAYERS} layers.")
    for pair in layers:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise SettingsError(
                f"{name} must be pairs of a name and a weight, got {short_repr(pair)}."
            )
        if len(pair[0]) > LONGEST_NAME:
            raise SettingsError(f"{name} has a layer with a name longer than {LONGEST_NAME}.")
        check_range(f"the weight of layer {_escaped(pair[0])}", pair[1], 0.0, 1e12)
    names = [layer for layer, _ in layers]
    if repeated := [layer for layer, count in Counter(names).items() if count > 1]:
        raise SettingsError(f"{name} names {_escaped(min(repeated))} twice.")
    if all(weight == 0 for _, weight in layers):
        raise SettingsError(f"{name} has weight 0 everywhere.")


def _escaped(name: str) -> str:
    """A layer's name fit for a message."""
    return short_repr(name)[1:-1]  # without the quotes


def parse_numbers(name: str, text: str) -> tuple[float, ...]:
    """Read `3,1` into numbers; raises `SettingsError`."""
    if text.count(",") >= MAX_NUMBERS:
        raise SettingsError(f"{name} must be at most {MAX_NUMBERS} numbers.")
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(
            f"{name} must be numbers separated by commas, such as 3,1, got {short_repr(text)}."
        ) from None


def format_numbers(values: Iterable[float]) -> str:
    """The inverse of `parse_numbers`."""
    return ",".join(map(format_number, values))


def format_number(value: float) -> str:
    """The shortest text that reads back as exactly this number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def text_of(value: Any) -> str:
    """A setting's value as its option takes it."""
    if isinstance(value, tuple):
        named = all(isinstance(each, tuple) for each in value)
        return format_layers(value) if named else format_numbers(value)
    return format_number(value) if isinstance(value, float) else str(value)
