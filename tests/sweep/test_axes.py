"""Lists and ranges of a setting's values."""

from typing import Any

import pytest

from stylecli.errors import UsageError
from stylecli.settings.parsing import text_of
from stylecli.sweep.axes import Axis, cells_of, label_of, parse_axis


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("beta", "1,10,100", (1.0, 10.0, 100.0)),
        ("beta", "1:1000:log4", (1.0, 10.0, 100.0, 1000.0)),
        ("strength", "0:1:5", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("strength", "1:0:lin3", (1.0, 0.5, 0.0)),
        ("strength", "0.5", (0.5,)),
        ("strength", "0.1, 0.3:0.5:3", (0.1, 0.3, 0.4, 0.5)),
        ("seed", "0:3", (0, 1, 2, 3)),
        ("size", "64:256:log3", (64, 128, 256)),
        ("size", "64,64,128", (64, 128)),
        ("encoder", "compact,vgg19", ("compact", "vgg19")),
        ("style_layers", "fine,coarse", ((("fine", 1.0),), (("coarse", 1.0),))),
        ("style_layers", "relu1_1,relu2_1:2", ((("relu1_1", 1.0), ("relu2_1", 2.0)),)),
        ("content_layers", "relu3_3;relu4_2", ((("relu3_3", 1.0),), (("relu4_2", 1.0),))),
        ("style_scale", "0.5:2:log3", ((0.5,), (1.0,), (2.0,))),
        ("style_weights", "3,1;1,3", ((3.0, 1.0), (1.0, 3.0))),
        ("color", "style,content", ("style", "content")),
    ],
)
def test_values(name: str, text: str, values: tuple[Any, ...]) -> None:
    assert parse_axis(name, text) == Axis(name, values)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("beta", "1,,3", "empty value"),
        ("beta", "many", "must be a number, a list such as"),
        ("seed", "1.5", "must be a whole number"),
        ("beta", "1:10", "say how many values beta has from 1 to 10: 1:10:5"),
        ("beta", "0:10:log3", "both must be above 0"),
        ("beta", "1:10:0", "0 values"),
        ("beta", "1:10:999999", "999999 values"),
        ("seed", "0:100000", "100001 values"),
        ("beta", "inf", "finite"),
        ("seed", ",".join(map(str, range(1001))), "takes at most 1000"),
    ],
)
def test_what_makes_no_sense(name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_axis(name, text)


@pytest.mark.parametrize(
    ("value", "text", "label"),
    [
        (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
        (10.0, "10", "10"),
        (5, "5", "5"),
        ((("relu1_1", 1.0),), "relu1_1:1", "relu1_1"),
        ((("relu1_1", 2.5), ("relu2_1", 1.0)), "relu1_1:2.5,relu2_1:1", "relu1_1:2.5,relu2_1:1"),
        ((0.5, 2.0), "0.5,2", "0.5,2"),
        ("some/where/net.pth", "some/where/net.pth", "net.pth"),
    ],
)
def test_texts_and_labels(value: Any, text: str, label: str) -> None:
    assert (text_of(value), label_of(value)) == (text, label)


def test_cells_are_every_combination() -> None:
    axes = [Axis("seed", (1, 2)), Axis("size", (64, 96))]
    assert [tuple(cell.values()) for cell in cells_of(axes)] == [
        (1, 64),
        (1, 96),
        (2, 64),
        (2, 96),
    ]
    assert cells_of([]) == [{}]
