"""Settings in TOML files: there and back, and what is refused."""

import os
import random
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import InputError, OutputError, SettingsError
from stylecli.settings import MAX_SEED, Settings
from stylecli.settings.toml_file import MAX_BYTES, checked, read_settings, write_settings

ODD_NAME = 'C:\\a "b"\t\x01\x7f\n# ☃ \U0001f600 é.png'


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(strength=0.0, seed=MAX_SEED, size=512, iterations=9),
        Settings(alpha=1e12, beta=1e-07, tv=1e-300, chroma_tv=0.1, learning_rate=1e-6),
        Settings(content_layers=(("relu1_1", 0.5),), style_layers=(("relu1_1", 5.0), ("a", 1.0))),
        Settings(style_weights=(3.0, 1.0), style_scale=(0.5,), style_size=99, color="match"),
        Settings(init=ODD_NAME, encoder="/tmp/'quoted' = 3.pth"),
    ],
)
def test_there_and_back(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "mine.toml"
    write_settings(path, settings)
    found = read_settings(path)
    expected = replace(settings, encoder=settings.encoder_name)
    assert Settings(**found) == expected
    assert found.keys() == expected.to_dict().keys()


def test_it_is_a_file_for_people(tmp_path: Path) -> None:
    path = tmp_path / "my\nown.toml"
    write_settings(path, Settings(seed=3, style_weights=(3.0, 1.0), style_layers=(("a", 2.0),)))
    first, *lines = path.read_text().splitlines()
    assert first == "# settings for stylize --config"
    assert {"seed = 3", 'encoder = "compact"', "style_weights = [3.0, 1.0]"} <= set(lines)
    assert tomllib.loads(path.read_text())["style_layers"] == "a:2"


def test_only_what_is_there_is_given(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text('seed = 5\nstyle_layers = "relu1_1:2"\nstyle_scale = [2]\n')
    found = read_settings(path)
    assert found == {"seed": 5, "style_layers": (("relu1_1", 2.0),), "style_scale": (2,)}
    path.write_text("")
    assert read_settings(path) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes('seed = 5\r\ninit = "ü.png"\r\n'.encode(encoding))
    assert read_settings(path) == {"seed": 5, "init": "ü.png"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"seed 5", "as settings: "),
        (b"seed = ", "as settings: "),
        (b"seed = 1\nseed = 2", "as settings: "),
        (b'init = "a\nb"', "as settings: "),
        (b"\xff\xfe\x00", "as settings: "),
        (b"a = " + b"[" * 20_000, "as settings: "),
        (b"#" * (MAX_BYTES + 1), "too long"),
    ],
)
def test_what_is_no_toml(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read_settings(path)
    said = str(caught.value)
    assert said.startswith(f"cannot read {path}") and said.endswith(".") and "\n" not in said


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is a directory"):
        read_settings(tmp_path)
    with pytest.raises(InputError, match="null"):
        read_settings(Path("a\0b"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sede = 1", "unknown setting 'sede'; did you mean 'seed'"),
        ("[settings]\nseed = 1", "unknown setting 'settings'"),
        ("seed = -1", "seed must be a whole number"),
        ("seed = 1.0", "seed must be a whole number"),
        ("seed = true", "seed must be a whole number"),
        ("seed = 2020-01-01", "seed must be a whole number"),
        ("tv = nan", "tv must be a number"),
        ('tv = "1"', "tv must be a number"),
        ('losses = "gaty"', "did you mean 'gatys'"),
        ("losses = []", "losses must be one of"),
        ("style_weights = []", "at least one number"),
        ("style_weights = [[1]]", "must be a number"),
        ("style_weights = 3", "at least one number"),
        ("style_layers = 3", "style_layers"),
        ('style_layers = "a:b"', "style_layers|layer"),
        ('init = ""', "init must be a name or a path"),
        ("strength = 0.5\nalpha = 1", "cannot be combined"),
        ("alpha = 0\nbeta = 0", "nothing to optimize"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        read_settings(path)
    assert str(caught.value).startswith(f"in {path}: ")
    assert "\n" not in str(caught.value)


def test_values_of_any_kind_are_read_or_refused(tmp_path: Path) -> None:
    path, chance = tmp_path / "any.toml", random.Random(3)
    values = ["1", "-1.5", "inf", '"a"', '""', "true", "[]", '["a"]', "[[]]", "{}", "07:32:00"]
    names = list(Settings.__dataclass_fields__)
    for _ in range(500):
        given = {name: chance.choice(values) for name in chance.sample(names, 2)}
        path.write_text("".join(f"{name} = {value}\n" for name, value in given.items()))
        try:
            assert read_settings(path).keys() == given.keys()
        except SettingsError as error:
            assert str(error).startswith(f"in {path}: ")


def test_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        write_settings(tmp_path, Settings())
    broken = Settings(init=os.fsdecode(b"\xff.png"))
    with pytest.raises(OutputError, match=r"^cannot write .*: TOML has no way .* Unicode\.$"):
        write_settings(tmp_path / "a.toml", broken)
    assert not (tmp_path / "a.toml").exists()


def test_checked_gives_what_settings_hold() -> None:
    values: dict[str, Any] = {"style_layers": "relu1_1", "seed": 4}
    assert checked(values) == {"style_layers": (("relu1_1", 1.0),), "seed": 4}
