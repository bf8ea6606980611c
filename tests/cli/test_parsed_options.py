"""Who goes first: options, the environment, `--config`, `--like`, the defaults."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.images.embedded_text import read_recipe
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.provenance.recipe import parse_recipe
from stylecli.settings import QUALITY_ENCODERS, Settings
from stylecli.settings.toml_file import write_settings

PICTURES = ("content.png", "style.png")
SOURCES = ("like", "config", "environment", "option")  # the strongest last
Run = Callable[..., Any]


@pytest.fixture
def settings_of(
    stylize: Run, content_path: Path, style_path: Path, tmp_path: Path, monkeypatch: Any
) -> Callable[..., Settings]:
    """The settings that a run gets which each source tells something."""

    def run(
        like: Mapping[str, Any] | None = None,
        config: str | None = None,
        environment: Mapping[str, str] | None = None,
        option: tuple[object, ...] = (),
    ) -> Settings:
        arguments: list[object] = [*PICTURES, "-o", "out.png", "--force", *option]
        if like is not None:
            arguments += ["--like", made_with(tmp_path / "made.png", like)]
        if config is not None:
            (tmp_path / "my.toml").write_text(config)
            arguments += ["--config", "my.toml"]
        with monkeypatch.context() as patch:
            for name, value in (environment or {}).items():
                patch.setenv(name, value)
            done = stylize(*arguments)
        assert done.code == 0, done.err
        found: Settings = recipe_of(tmp_path / "out.png").settings
        by_default = found.encoder == QUALITY_ENCODERS[found.quality]
        return replace(found, encoder=None) if by_default else found

    def made_with(path: Path, values: Mapping[str, Any]) -> Path:
        assert stylize(*PICTURES, "-o", path, "--force").code == 0
        recipe = recipe_of(path).to_dict()
        recipe["settings"] = Settings.from_dict(values).to_dict()
        write_picture(path, read_picture(path).pixels, recipe=json.dumps(recipe))
        return path

    return run


def recipe_of(path: Path) -> Any:
    return parse_recipe(read_recipe(path) or "")


@pytest.mark.parametrize(
    "present", [each for n in range(5) for each in itertools.combinations(SOURCES, n)]
)
def test_the_strongest_says_what_counts(
    settings_of: Callable[..., Settings], present: tuple[str, ...]
) -> None:
    said: dict[str, Any] = {
        "like": {"seed": 1},
        "config": "seed = 2",
        "environment": {"STYLECLI_SEED": "3"},
        "option": ("--seed", 4),
    }
    found = settings_of(**{name: said[name] for name in present})
    expected = 1 + SOURCES.index(present[-1]) if present else 0
    assert found == Settings(seed=expected)


def test_each_says_something_else(settings_of: Callable[..., Settings]) -> None:
    found = settings_of(
        like={"seed": 1, "tv": 0.25, "style_layers": "relu1_1:3", "octaves": 2, "color": "match"},
        config='octaves = 1\nlosses = "gatys"\nstyle_scale = [2.0]',
        environment={"STYLECLI_QUALITY": "draft", "STYLECLI_COLOR": "histogram"},
        option=("--size", 32),
    )
    assert found == Settings(
        seed=1,
        tv=0.25,
        style_layers=(("relu1_1", 3.0),),
        octaves=1,
        losses="gatys",
        style_scale=(2.0,),
        quality="draft",
        color="histogram",
        size=32,
    )


def test_an_option_at_its_default_is_an_option(settings_of: Callable[..., Settings]) -> None:
    found = settings_of(config="seed = 2\ntv = 1.0", option=("--seed", 0, "--tv", 0))
    assert found == Settings()


WEAKER: dict[str, dict[str, Any]] = {
    "like": {"like": {"strength": 0.7}},
    "config": {"config": "strength = 0.7"},
}


@pytest.mark.parametrize("weaker", WEAKER)
@pytest.mark.parametrize(
    ("stronger", "expected"),
    [
        ({"option": ("--alpha", 2)}, Settings(alpha=2.0)),
        ({"option": ("--beta", 3)}, Settings(beta=3.0)),
        ({"environment": {"STYLECLI_ALPHA": "2"}}, Settings(alpha=2.0)),
        ({"option": ("--strength", 0.1)}, Settings(strength=0.1)),
        ({"option": ("--seed", 1)}, Settings(strength=0.7, seed=1)),
    ],
)
def test_one_knob_sets_aside_the_other(
    settings_of: Callable[..., Settings], weaker: str, stronger: Any, expected: Settings
) -> None:
    assert settings_of(**WEAKER[weaker], **stronger) == expected


def test_strength_sets_aside_both_weights(settings_of: Callable[..., Settings]) -> None:
    weights = {"alpha": 2.0, "beta": 3.0}
    assert settings_of(like=weights, config="strength = 0.2") == Settings(strength=0.2)
    assert settings_of(like=weights, option=("-s", 0.2)) == Settings(strength=0.2)
    assert settings_of(like=weights, config="beta = 9.0") == Settings(alpha=2.0, beta=9.0)
    assert settings_of(like={"strength": 0.2}, config="beta = 9.0") == Settings(beta=9.0)


def test_quality_sets_aside_iterations(settings_of: Callable[..., Settings]) -> None:
    expected = Settings(quality="draft")
    assert settings_of(like={"iterations": 9}, option=("--quality", "draft")) == expected
    assert settings_of(like={"iterations": 9}, config='quality = "draft"') == expected
    found = settings_of(like={"quality": "draft"}, option=("--iterations", 9))
    assert found == Settings(quality="draft", iterations=9)


def test_save_recipe_then_config(
    settings_of: Callable[..., Settings], stylize: Run, tmp_path: Path
) -> None:
    options = ("--seed", 9, "--style-layers", "relu1_1:2,relu2_1", "--style-scale", "1.5")
    more = ("--beta", 7.5, "--optimizer", "adam", "--iterations", 3)
    first = settings_of(option=(*options, *more, "--save-recipe", "mine.toml"))
    assert first != Settings() and (tmp_path / "mine.toml").is_file()
    assert settings_of(option=("--config", "mine.toml")) == first
    (tmp_path / "out.png").rename(tmp_path / "made.png")
    assert settings_of(option=("--like", "made.png")) == first
    assert settings_of(config=(tmp_path / "mine.toml").read_text()) == first


def test_files_are_named_by_hand(
    settings_of: Callable[..., Settings], stylize: Run, tmp_path: Path
) -> None:
    """Neither a settings file nor a recipe names a picture that is read; each says what to add."""
    start = tmp_path / "content.png"
    first = settings_of(option=("--init", start, "--save-recipe", "mine.toml"))
    assert first.init == "content.png"
    text = (tmp_path / "mine.toml").read_text()
    assert "--init" in text and str(tmp_path) not in text
    assert settings_of(option=("--config", "mine.toml")) == Settings()
    assert settings_of(option=("--config", "mine.toml", "--init", start)) == first
    settings_of(option=("--init", start))
    (tmp_path / "out.png").rename(tmp_path / "made.png")
    done = stylize(*PICTURES, "-o", "new.png", "--like", "made.png")
    assert settings_of(option=("--like", "made.png")) == Settings()
    assert "init of made.png is a file, and left out: add --init PATH" in done.err


def test_the_settings_of_a_picture_are_borrowed_alone(
    stylize: Run, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    made = stylize(*PICTURES, "-o", "made.jpg", "--size", 32, "--seed", 6, "--jpeg-quality", 50)
    assert made.code == 0
    content_path.unlink()  # no input of the picture is needed, only its recipe
    done = stylize("style.png", "style.png", "-o", "new.png", "--like", "made.jpg", "--json")
    found = json.loads(done.out)
    assert (found["settings"]["seed"], found["size"]) == (6, [32, 23])
    assert found["content"]["name"] == "style.png"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("seed 5", 4, "as settings"),
        ("seed = [", 4, "as settings"),
        ("\0", 4, "as settings"),
        ("sede = 5", 2, "did you mean 'seed'"),
        ("seed = 'five'", 2, "seed must be a whole number"),
        ("strength = 1\nbeta = 2", 2, "cannot be combined"),
        ('style_layers = "relu9_9"', 2, "relu9_9"),
        ('encoder = "vgg91"', 2, "vgg19"),
        ('init = "none.png"', 2, "none.png"),
        ('encoder = "none.pth"', 2, "add --encoder PATH"),
        ("style_weights = [1, 2]", 2, "for 1 style"),
    ],
)
def test_a_file_that_is_refused(
    stylize: Run, content_path: Path, style_path: Path, text: str, code: int, words: str
) -> None:
    folder = content_path.parent
    (folder / "bad.toml").write_text(text)
    done = stylize(*PICTURES, "-o", "out.png", "--config", "bad.toml")
    assert (done.code, done.out) == (code, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("stylize: error: ") and words in last and last.endswith((".", "?"))
    assert not (folder / "out.png").exists()


def test_files_that_are_not_there(
    stylize: Run, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    for option, path, words in (
        ("--config", "none.toml", "no such file"),
        ("--config", ".", "is a directory"),
        ("--like", "none.png", "no such file"),
        ("--like", "content.png", "holds no recipe of this program"),
        ("--like", ".", "cannot read ."),
    ):
        done = stylize(*PICTURES, "-o", "out.png", option, path)
        assert (done.code, done.out) == (4, "")
        last = done.err.splitlines()[-1]
        assert last.startswith("stylize: error: ") and words in last and last.endswith(".")
    assert not (tmp_path / "out.png").exists()


def test_a_file_named_in_the_environment(
    stylize: Run, content_path: Path, style_path: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    write_settings(tmp_path / "mine.toml", Settings(seed=8))
    monkeypatch.setenv("STYLECLI_CONFIG", "mine.toml")
    assert stylize(*PICTURES, "-o", "out.png").code == 0
    assert recipe_of(tmp_path / "out.png").settings == Settings(seed=8, encoder="compact")


def test_photo_is_a_preset_below_everything_else(stylize: Any, tmp_path: Path) -> None:
    def settings(*options: object) -> dict[str, Any]:
        done = stylize("content.png", "style.png", "-o", "o.png", "-f", "--json", *options)
        assert done.code == 0, done.err
        return dict(json.loads(done.out)["settings"])

    for name in ("content.png", "style.png"):
        Image.new("RGB", (40, 30), "red").save(tmp_path / name)
    found = settings("--photo")
    assert (found["init"], found["strength"], found["octaves"]) == ("content", 0.25, 1)
    assert found["style_layers"] == "relu1_1:1,relu2_1:1"
    (tmp_path / "s.toml").write_text("alpha = 2.0\noctaves = 2\n")
    found = settings("--photo", "--config", "s.toml", "--init", "random")
    assert (found["init"], found["alpha"], found["octaves"]) == ("random", 2.0, 2)
    assert "strength" not in found
