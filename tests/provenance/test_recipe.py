"""The recipe: there and back, and what is no recipe."""

import json
from typing import Any

import pytest

from stylecli.errors import InputError
from stylecli.provenance.recipe import Ingredient, Recipe, parse_recipe
from stylecli.settings import Settings

RECIPE = Recipe(
    settings=Settings(strength=0.7, style_layers=(("relu1_1", 5.0), ("relu2_1", 4.0)), size=512),
    content=Ingredient("château.jpg", "a" * 64),
    styles=(Ingredient("night.png", "b" * 64), Ingredient("day.png", "c" * 64)),
    encoder=Ingredient("compact", "d" * 64),
    init=Ingredient("start.png", "f" * 64),
    size=(512, 384),
    iterations=310,
    losses={"total": 0.6, "content": 0.4, "style": None},
    pyramid=((0.4, 0.02), (0.41, None)),
    device="cpu",
    precision="bf16",
    torch="2.14.1",
)


def test_there_and_back() -> None:
    text = RECIPE.to_json()
    assert text.isascii()
    assert parse_recipe(text) == RECIPE


def test_without_init() -> None:
    values = RECIPE.to_dict()
    del values["init"]
    assert parse_recipe(json.dumps(values)).init is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"program": "another"}, "not from this program"),
        ({"format": 2}, "format is 2"),
        ({"settings": {"strength": 7}}, "strength"),
        ({"settings": {"seeds": 1}}, "did you mean 'seed'"),
        ({"settings": None}, "settings is not"),
        ({"content": {"name": "a"}}, "content needs"),
        ({"content": {"name": "a", "sha256": "xyz"}}, "64 hexadecimal"),
        ({"styles": []}, "styles"),
        ({"styles": "night.png"}, "styles"),
        ({"size": [1]}, "size"),
        ({"size": [1, "2"]}, "height"),
        ({"iterations": True}, "iterations"),
        ({"losses": {"total": "low"}}, "not a number"),
        ({"pyramid": [1]}, "pairs"),
        ({"device": None}, "device"),
    ],
)
def test_what_is_no_recipe(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_recipe(json.dumps({**RECIPE.to_dict(), **change}), "old.png")
    assert "old.png" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, " " * 2_000_000])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(InputError, match="cannot read the recipe"):
        parse_recipe(text)


def test_a_start_that_is_not_listed_is_refused() -> None:
    values = RECIPE.to_dict()
    values["settings"]["init"] = "/etc/passwd"
    values.pop("init", None)
    with pytest.raises(InputError, match="starts from a picture that it does not list"):
        parse_recipe(json.dumps(values))
