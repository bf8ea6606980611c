"""Numbers at their limits and past them, and pictures without any variety, with the real core."""

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli import stylize as paint_in_memory
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError, SettingsError
from stylecli.images.embedded_text import read_recipe
from stylecli.settings import Settings

from .scale import FULL, SEED, count

NONE = ("nan", "inf", "-inf", "1e300", "-1e300", "", "x", "0x10", "9" * 400, "1,2", "½", "--")
WHOLE = (*NONE, "1.5", "1e2", "-1", "-9223372036854775809")
WEIGHT = (("0", "-0.0", "1e-300", "5e-324", "1e12"), (*NONE, "-1e-9", "1.0000001e12"))
# What is taken, and what is refused.
LIMITS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "strength": (
        ("0", "1", "-0.0", "5e-324", "0.9999999999999999"),
        (*NONE, "-1e-9", "1.0000000000000002"),
    ),
    "alpha": WEIGHT,
    "beta": WEIGHT,
    "tv": WEIGHT,
    "chroma_tv": WEIGHT,
    "learning_rate": (("1e-6", "10"), (*NONE, "0", "-0.0", "9e-7", "10.000001")),
    "size": (("1", "99"), (*WHOLE, "0", "32769")),
    "style_size": (("1", "32768"), (*WHOLE, "0", "32769")),
    "iterations": (("1", "100000"), (*WHOLE, "0", "100001")),
    "octaves": (("1", "11"), (*WHOLE, "0", "12")),
    "seed": (("0", "9223372036854775807"), (*WHOLE, "9223372036854775808")),
    "style_scale": (("0.0625", "16"), (*NONE, "0", "-1", "0.0624", "16.001")),
    "style_weights": (("1e-300", "1e6"), (*NONE, "0", "-0.0", "-1", "1000001")),
}
CASES = [(name, text) for name, (_, bad) in LIMITS.items() for text in bad]


@pytest.mark.parametrize("name", LIMITS)
def test_numbers_at_their_limits(
    name: str, stylize: Any, content_path: Path, style_path: Path
) -> None:
    for text in LIMITS[name][0]:
        option = f"--{name.replace('_', '-')}"
        done = stylize(content_path, style_path, "-o", "o.png", "-f", option, text)
        assert done.code == 0, (text, done.err)
        recipe = json.loads(read_recipe(Path("o.png")) or "")["settings"]
        found = recipe[name][0] if isinstance(recipe[name], list) else recipe[name]
        assert found == (int(text) if text.isdigit() else float(text)), text


@pytest.mark.parametrize("route", ["option", "environment", "config", "list", "sweep"])
def test_numbers_past_their_limits(
    route: str, stylize: Any, content_path: Path, style_path: Path, monkeypatch: Any
) -> None:
    """By every way that a number can take, one clear sentence that names the setting."""
    for name, text in CASES if FULL else CASES[::3]:
        words: list[object] = [content_path, style_path, "-o", "o.png"]
        if route == "option":
            words += [f"--{name.replace('_', '-')}", text]
        elif route == "sweep":
            words = ["sweep", content_path, style_path, "-o", "out"]
            words += ["--" + name.replace("_", "-"), text]
        elif route == "environment":
            monkeypatch.setenv(f"STYLECLI_{name.upper()}", text)
        elif route == "config":
            Path("s.toml").write_text(f"{name} = {text}\n", encoding="utf-8")
            words += ["--config", "s.toml"]
        else:
            values = f'"content": "{content_path}", "style": "{style_path}", "output": "o.png"'
            number = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)
            Path("l.txt").write_text(f'{{{values}, "{name}": {number}}}\n', encoding="utf-8")
            words = ["batch", "--from-file", "l.txt", "-o", "out"]
        done = stylize(*words)
        monkeypatch.delenv(f"STYLECLI_{name.upper()}", raising=False)
        if _is_taken(route, name, text):
            assert done.code in (0, 2, 3), done.err
            _clean()
            continue
        assert done.code in {"config": (2, 4), "list": (2, 3)}.get(route, (2,)), (name, text, done)
        errors = [line for line in done.err.splitlines() if line.startswith("stylize: error:")]
        assert len(errors) == 1 and "unexpected" not in done.err, (name, text, done.err)
        assert not Path("o.png").exists() and not list(Path().glob("out/*.png")), (name, text)


def _clean() -> None:
    for path in (Path("o.png"), *Path().glob("out/*")):
        path.unlink(missing_ok=True)


def _is_taken(route: str, name: str, text: str) -> bool:
    """An empty variable counts as none; a list is what a sweep is made for; TOML has hex."""
    lists = route == "sweep" and text == "1,2" and name != "style_weights"
    return lists or (route == "environment" and text == "") or text == "0x10"


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 1e300, 10**400, -1, True, "1", []]
)
def test_numbers_from_a_program(value: Any) -> None:
    """From Python, too: no number of the wrong kind gets through."""
    for name in LIMITS:
        given = (value,) if name.startswith("style_") and name != "style_size" else value
        with pytest.raises(SettingsError, match=f"^{name} must be"):
            Settings.from_dict({name: given})


@pytest.fixture(scope="module")
def compact() -> Iterator[Encoder]:
    """The bundled encoder; one thread, for pictures this small are slower with more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_encoder("compact")
    torch.set_num_threads(threads)


def pictures() -> dict[str, torch.Tensor]:
    noise = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(SEED))
    return {
        "black": torch.zeros(3, 20, 24),
        "white": torch.ones(3, 24, 20),
        "gray": torch.full((3, 18, 18), 0.5),
        "red": torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1).expand(3, 20, 20),
        "noise": noise,
        "bits": noise.round(),
        "nearly black": torch.full((3, 20, 20), 1e-30),
        "one pixel": noise[:, :1, :1],
        "a row": noise[:, :1].repeat(1, 1, 8),
        "a column": noise[:, :, :1],
        "two by two": noise[:, :2, :2],
    }


CHOICES: dict[str, tuple[Any, ...]] = {
    "content": tuple(pictures()),
    "style": tuple(pictures()),
    "optimizer": ("lbfgs", "adam"),
    "losses": ("relative", "gatys"),
    "color": ("style", "content", "match", "histogram"),
    "init": ("random", "content", "one pixel", "black"),
    "size": (16, 17, 31, None, 24, *((1, 200) if FULL else ())),
    "more": (
        *({}, {"strength": 0.0}, {"strength": 1.0}, {"strength": 5e-324}, {"strength": -0.0}),
        *({"alpha": 1e12, "beta": -0.0}, {"alpha": 0.0, "beta": 1e-300}, {"strength": 1 - 1e-16}),
        *({"tv": 1e12, "chroma_tv": 1e12}, {"learning_rate": 10.0}, {"learning_rate": 1e-6}),
        *({"octaves": 5}, {"octaves": 1}, {"seed": 2**63 - 1}, {"style_size": 1}),
        *({"style_scale": (16.0,)}, {"style_scale": (0.0625,)}, {"style_weights": (1e-300,)}),
        *({"pooling": "average", "padding": "zeros"}, {"style_layers": (("relu1_1", 1e12),)}),
        {"content_layers": (("relu1_1", 1.0),), "style_layers": (("relu1_1", 1.0),)},
    ),
}


def combinations() -> list[dict[str, Any]]:
    """Each value of each factor at least once, the rest by chance."""
    rng, found = random.Random(SEED), []
    for i in range(count(24)):
        chosen = {name: rng.choice(values) for name, values in CHOICES.items()}
        turn = list(CHOICES)[i % 4]
        chosen[turn] = CHOICES[turn][i // 4 % len(CHOICES[turn])]
        chosen["more"] = CHOICES["more"][i % len(CHOICES["more"])]
        chosen["optimizer"] = CHOICES["optimizer"][i % 2]
        chosen["losses"] = CHOICES["losses"][i // 2 % 2]
        found.append(chosen)
    return found


def test_pictures_without_variety(compact: Encoder, record_property: Any) -> None:
    """A picture of numbers in [0, 1], or a refusal that says why."""
    named, made = pictures(), 0
    for chosen in combinations():
        settings = {name: chosen[name] for name in ("optimizer", "losses", "color", "size")}
        settings |= chosen["more"]
        init = named.get(chosen["init"], chosen["init"])
        words = named[chosen["content"]], named[chosen["style"]]
        try:
            result = paint_in_memory(
                *words, init=init, iterations=2, encoder=compact, device="cpu", **settings
            )
        except InputError as error:
            assert str(error).endswith(".") and "\n" not in str(error), chosen
            continue
        made += 1
        assert bool(((result.image >= 0) & (result.image <= 1)).all()), chosen
        assert math.isfinite(result.losses.total), (chosen, result.losses)
        long_side = max(words[0].shape[1:]) if settings["size"] is None else settings["size"]
        assert max(result.image.shape[1:]) == long_side, chosen
    assert made >= len(combinations()) // 3
    print(f"{len(combinations())} combinations: {made} made, the others refused")
    record_property("made", made)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("losses", ["relative", "gatys"])
def test_a_strip_one_pixel_high(optimizer: Any, losses: Any, compact: Encoder) -> None:
    """200x1 is refused for deep layers, and painted with shallow ones."""
    strip = torch.rand(3, 1, 200, generator=torch.Generator().manual_seed(SEED))
    more: dict[str, Any] = {"optimizer": optimizer, "losses": losses, "iterations": 2}
    with pytest.raises(InputError, match="200x1 pixels.*at least 16x16"):
        paint_in_memory(strip, strip, encoder=compact, device="cpu", **more)
    more |= {f"{part}_layers": (("relu1_1", 1.0),) for part in ("content", "style")}
    found = paint_in_memory(strip, strip, encoder=compact, device="cpu", **more).image
    assert found.shape == strip.shape and bool(((found >= 0) & (found <= 1)).all())
