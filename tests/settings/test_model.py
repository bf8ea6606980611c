import dataclasses
import json
import math
from typing import Any

import pytest

from stylecli.errors import SettingsError
from stylecli.settings import (
    BALANCED_RATIO,
    DEFAULT_STRENGTH,
    GATYS_RATIO,
    MAX_ITERATIONS,
    MAX_SEED,
    MAX_SIZE,
    Settings,
    weights_of_strength,
)


def make(name: str, value: object) -> Settings:
    values: dict[str, Any] = {name: value}
    return Settings(**values)


def refused(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("strength", "ratio"),
    [(0.0, 0.0), (0.5, 12.0), (0.2, 1.5), (0.8, 96.0)],
)
def test_weights_of_a_strength(strength: float, ratio: float) -> None:
    """12·(s/(1−s))^1.5: a quarter to the power of 1.5 is an eighth."""
    alpha, beta = weights_of_strength(strength)
    assert alpha == 1.0 and beta == pytest.approx(ratio)
    assert Settings(strength=strength).loss_weights() == (alpha, beta)


def test_full_strength_is_the_style_alone() -> None:
    assert weights_of_strength(1.0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (1.0, 12.0)),
        ({"alpha": 2.0}, (2.0, BALANCED_RATIO)),
        ({"beta": 30.0}, (1.0, 30.0)),
        ({"alpha": 0, "beta": 5}, (0.0, 5.0)),
        ({"losses": "gatys"}, (1.0, GATYS_RATIO)),
        ({"losses": "gatys", "alpha": 3.0}, (3.0, GATYS_RATIO)),
        ({"losses": "gatys", "strength": 0.5}, (1.0, 12.0)),
    ],
)
def test_loss_weights(given: dict[str, Any], expected: tuple[float, float]) -> None:
    assert Settings(**given).loss_weights() == pytest.approx(expected)
    assert DEFAULT_STRENGTH == 0.5


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_strength_excludes_what_it_stands_for(name: str) -> None:
    message = refused(strength=0.5, **{name: 1.0})
    assert message.startswith("strength cannot be combined with alpha or beta")


def test_nothing_to_optimize() -> None:
    message = refused(alpha=0.0, beta=0.0)
    assert message == "alpha and beta are both 0: there is nothing to optimize."


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("strength", 0.0, 1.0),
        ("alpha", 0.0, 1e12),
        ("beta", 0.0, 1e12),
        ("tv", 0.0, 1e12),
        ("chroma_tv", 0.0, 1e12),
        ("learning_rate", 1e-6, 10.0),
    ],
)
def test_numbers_in_their_range(name: str, low: float, high: float) -> None:
    for value in (low, high):
        assert getattr(make(name, value), name) == value
    for bad in (math.nextafter(low, -1), high * 1.001, math.nan, math.inf, "1", True):
        assert refused(**{name: bad}) == (
            f"{name} must be a number from {low:g} to {high:g}, got {bad!r}."
        )


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("octaves", 1, 11),
        ("size", 1, MAX_SIZE),
        ("style_size", 1, MAX_SIZE),
        ("iterations", 1, MAX_ITERATIONS),
        ("seed", 0, MAX_SEED),
    ],
)
def test_whole_numbers_in_their_range(name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(make(name, value), name) == value
    for bad in (low - 1, high + 1, 1.0, "3", True):
        assert refused(**{name: bad}) == (
            f"{name} must be a whole number from {low} to {high}, got {bad!r}."
        )


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [
        ("losses", "gatis", "; did you mean 'gatys'?"),
        ("pooling", "avarage", "; did you mean 'average'?"),
        ("padding", "zero", "; did you mean 'zeros'?"),
        ("quality", "hi", "; did you mean 'high'?"),
        ("optimizer", 3, "."),
        ("color", "hue", "."),
    ],
)
def test_choices(name: str, value: Any, near: str) -> None:
    message = refused(**{name: value})
    assert message.startswith(f"{name} must be one of ")
    assert message.endswith(f", got {value!r}{near}")


@pytest.mark.parametrize("name", ["encoder", "init"])
@pytest.mark.parametrize("value", ["", "a\0b", 3, None])
def test_names_and_paths(name: str, value: Any) -> None:
    if (name, value) == ("encoder", None):
        return  # the one that goes with the quality
    message = refused(**{name: value})
    assert message == f"{name} must be a name or a path, got {value!r}."


@pytest.mark.parametrize("name", ["style_weights", "style_scale"])
def test_numbers_of_several_styles(name: str) -> None:
    assert getattr(make(name, (1.0, 0.5)), name) == (1.0, 0.5)
    for values in ((), [1.0]):
        message = refused(**{name: values})
        assert message == f"{name} must be at least one number, got {values!r}."
    assert refused(**{name: (1.0, None)}).startswith(f"{name} must be numbers, got ")
    assert refused(**{name: (1.0, -1.0)}).startswith(f"{name} must be a number from ")


def test_style_weights_may_be_0_but_not_all_of_them() -> None:
    assert Settings(style_weights=(0.0, 2.0)).style_weights == (0.0, 2.0)
    assert refused(style_weights=(0.0, 0.0)) == "style_weights is 0 everywhere."
    assert "from 0.0625 to 16" in refused(style_scale=(0.0, 1.0))


EVERYTHING = Settings(
    encoder="vgg19",
    alpha=2.0,
    beta=1e-3,
    tv=0.1,
    losses="gatys",
    content_layers=(("relu4_2", 1.0),),
    style_layers=(("relu1_1", 5.0), ("relu2_1", 0.25)),
    octaves=2,
    size=640,
    iterations=7,
    learning_rate=0.5,
    init="start.png",
    seed=MAX_SEED,
    style_weights=(3.0, 1.0),
    style_scale=(2.0,),
    style_size=300,
    color="histogram",
)


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING])
def test_there_and_back(settings: Settings) -> None:
    plain = settings.to_dict()
    assert Settings.from_dict(plain) == settings
    assert all(isinstance(value, str | int | float | list) for value in plain.values())


def test_what_is_none_is_left_out() -> None:
    plain = Settings().to_dict()
    optional = {f.name for f in dataclasses.fields(Settings) if f.default is None}
    assert not plain.keys() & optional and plain["chroma_tv"] == 5.0
    assert EVERYTHING.to_dict()["style_layers"] == "relu1_1:5,relu2_1:0.25"
    assert EVERYTHING.to_dict()["style_weights"] == [3.0, 1.0]


def test_unknown_settings() -> None:
    with pytest.raises(
        SettingsError, match=r"^unknown setting 'octave'; did you mean 'octaves'\?$"
    ):
        Settings.from_dict({"octave": 3})
    with pytest.raises(SettingsError, match=r"^unknown setting 'xyz'\.$"):
        Settings.from_dict({"xyz": 3})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "compact"),
        ({"quality": "draft"}, "compact"),
        ({"quality": "high"}, "vgg19"),
        ({"quality": "high", "encoder": "compact"}, "compact"),
        ({"quality": "draft", "encoder": "vgg19"}, "vgg19"),
        ({"encoder": "my.safetensors"}, "my.safetensors"),
    ],
)
def test_encoder_goes_with_the_quality_unless_it_is_named(
    given: dict[str, Any], expected: str
) -> None:
    assert Settings(**given).encoder_name == expected


def test_encoder_that_is_not_named_is_not_written() -> None:
    assert "encoder" not in Settings(quality="high").to_dict()
    assert Settings.from_dict({"encoder": "vgg19"}).encoder == "vgg19"
    with pytest.raises(SettingsError, match="encoder must be a name"):
        Settings(encoder="")


def test_ratio_of_gatys_losses_is_the_encoder_s() -> None:
    assert Settings(losses="gatys").loss_weights(5.0) == (1.0, 5.0)
    assert Settings(losses="gatys", alpha=2.0).loss_weights(5.0) == (2.0, 5.0)
    assert Settings(losses="gatys", beta=3.0).loss_weights(5.0) == (1.0, 3.0)
    assert Settings().loss_weights(5.0) == Settings().loss_weights()


def test_numbers_of_other_libraries() -> None:
    numpy = pytest.importorskip("numpy")
    values = {
        "strength": numpy.float32(0.5),
        "size": numpy.int64(64),
        "style_scale": [numpy.float64(2.0)],
        "style_weights": [numpy.float32(3), numpy.int16(1)],
    }
    settings = Settings.from_dict(values)
    assert settings == Settings(strength=0.5, size=64, style_scale=(2.0,), style_weights=(3.0, 1))
    assert json.loads(json.dumps(settings.to_dict())) == settings.to_dict()
    for wrong in (numpy.bool_(True), numpy.float32("nan"), numpy.zeros(2)):
        with pytest.raises(SettingsError, match="size must be"):
            Settings(size=wrong)
