import math
from typing import Any

import pytest

from stylecli.errors import SettingsError
from stylecli.settings.parsing import LayerWeights, check_layer_weights, format_layers, parse_layers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu1_1", (("relu1_1", 1.0),)),
        ("relu1_1:5,relu2_1:0.25", (("relu1_1", 5.0), ("relu2_1", 0.25))),
        (" relu1_1 : 2 , conv2_2 ", (("relu1_1", 2.0), ("conv2_2", 1.0))),
        ("relu1_1:1e-3,relu2_1:0", (("relu1_1", 0.001), ("relu2_1", 0.0))),
    ],
)
def test_layers_as_people_write_them(text: str, expected: LayerWeights) -> None:
    assert parse_layers(text) == expected


@pytest.mark.parametrize("weight", [1.0, 5.0, 0.25, 1e-3, 123456.0, 1e12, 0.1])
def test_there_and_back(weight: float) -> None:
    layers = (("relu1_1", weight), ("relu2_1", 1.0))
    assert parse_layers(format_layers(layers)) == layers


def test_round_weights_are_written_briefly() -> None:
    assert format_layers((("relu1_1", 5.0), ("relu2_1", 0.25))) == "relu1_1:5,relu2_1:0.25"


@pytest.mark.parametrize("text", ["relu1_1:", "relu1_1:a", "relu1_1:1:2"])
def test_a_weight_that_is_no_number(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_layers(f"relu2_1,{text}")
    assert str(caught.value).startswith(f"cannot read layer {text!r}: write NAME or NAME:WEIGHT")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "some must name at least one layer."),
        ([("relu1_1", 1.0)], "some must name at least one layer."),
        ("relu1_1", "some must name at least one layer."),
        (("relu1_1",), "some must be pairs of a name and a weight, got 'relu1_1'."),
        ((("relu1_1", 1.0, 2.0),), "some must be pairs of a name and a weight, got ('relu1_1', "),
        (((1, 1.0),), "some must be pairs of a name and a weight, got (1, 1.0)."),
        ((("relu1_1", -1.0),), "the weight of layer relu1_1 must be a number from 0 to 1e+12, "),
        ((("relu1_1", math.nan),), "the weight of layer relu1_1 must be a number from 0 to 1e+12"),
        ((("relu1_1", "5"),), "the weight of layer relu1_1 must be a number from 0 to 1e+12, "),
        ((("a", 1.0), ("b", 1.0), ("a", 2.0)), "some names a twice."),
        ((("a", 0.0), ("b", 0)), "some has weight 0 everywhere."),
    ],
)
def test_layers_that_make_no_sense(layers: Any, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_layer_weights("some", layers)
    assert str(caught.value).startswith(message)


def test_layers_that_do() -> None:
    check_layer_weights("some", None)
    check_layer_weights("some", (("a", 0.0), ("b", 1)))


def test_a_name_twice_in_a_text() -> None:
    with pytest.raises(SettingsError, match="^layers names relu1_1 twice.$"):
        parse_layers("relu1_1,relu1_1:2")
