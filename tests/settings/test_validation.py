import math
from typing import Any

import pytest

from stylecli.errors import SettingsError
from stylecli.messages import did_you_mean
from stylecli.settings.validation import check_choice, check_integer, check_range, check_text


def test_the_nearest_word_is_suggested() -> None:
    known = ["octaves", "optimizer", "output"]
    assert did_you_mean("octave", known) == "; did you mean 'octaves'?"
    assert did_you_mean("optimiser", iter(known)) == "; did you mean 'optimizer'?"
    assert did_you_mean("xyz", known) == ""
    assert did_you_mean("", []) == ""


@pytest.mark.parametrize("value", [None, 0, 0.0, 1, 1.0, 0.5])
def test_in_range(value: Any) -> None:
    check_range("it", value, 0.0, 1.0)


@pytest.mark.parametrize("value", [-0.001, 1.001, 2, math.nan, math.inf, "0.5", True, [0.5], 1j])
def test_out_of_range(value: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        check_range("it", value, 0.0, 1.0)
    assert str(caught.value) == f"it must be a number from 0 to 1, got {value!r}."


@pytest.mark.parametrize("value", [None, 1, 3])
def test_whole_numbers(value: Any) -> None:
    check_integer("it", value, 1, 3)


@pytest.mark.parametrize("value", [0, 4, 2.0, "2", True, math.nan])
def test_no_whole_numbers(value: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        check_integer("it", value, 1, 3)
    assert str(caught.value) == f"it must be a whole number from 1 to 3, got {value!r}."


def test_choices() -> None:
    check_choice("it", "max", ("max", "average"))
    with pytest.raises(SettingsError) as caught:
        check_choice("it", "averag", ("max", "average"))
    assert str(caught.value) == (
        "it must be one of max, average, got 'averag'; did you mean 'average'?"
    )
    with pytest.raises(SettingsError, match="^it must be one of max, average, got None.$"):
        check_choice("it", None, ("max", "average"))


def test_texts() -> None:
    check_text("it", "photo.jpg")
    for bad in ("", "a\0", None, 7, b"photo"):
        with pytest.raises(SettingsError, match="^it must be a name or a path, got "):
            check_text("it", bad)
