"""`--explain`: values and reasons of the settings, and no picture."""

import json
from pathlib import Path
from typing import Any

import pytest


def explained(stylize: Any, *arguments: object) -> dict[str, tuple[str, str]]:
    ended = stylize(*arguments, "-o", "out.png", "--explain", "--json")
    assert ended.code == 0, ended.err
    assert not Path("out.png").exists()
    return {name: (row["value"], row["reason"]) for name, row in json.loads(ended.out).items()}


def test_defaults(stylize: Any, content_path: Path, style_path: Path) -> None:
    rows = explained(stylize, content_path, style_path)
    assert rows["size"] == ("64x48", "default: the content's own; the content is 64x48")
    assert rows["iterations"] == ("155 at 64x48", "--quality normal, default; from coarse to fine")
    assert rows["encoder"] == ("compact", "goes with --quality normal")
    weights = ("content 1, style 12", "default: --strength 0.5, balanced at every size")
    assert rows["loss weights"] == weights
    assert rows["style-layers"][0].startswith("relu1_1:1,relu2_1:1")


def test_where_a_value_comes_from(
    stylize: Any, content_path: Path, style_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLI_SEED", "7")
    Path("mine.toml").write_text("octaves = 2\nchroma_tv = 1.0\n")
    rows = explained(
        stylize, content_path, style_path, "--config", "mine.toml", "--photo", "--quality", "high",
        "--chroma-tv", "3", "--size", "256", "--beta", "6",
    )  # fmt: skip
    assert rows["seed"] == ("7", "the environment variable of --seed")
    assert rows["octaves"] == ("2", "--config")
    assert rows["chroma-tv"] == ("3", "--chroma-tv")
    assert rows["init"] == ("content", "--photo")
    assert rows["loss weights"] == ("content 1, style 6", "--beta")  # --photo's strength set aside
    assert rows["encoder"] == ("vgg19", "goes with --quality high")
    assert rows["size"] == ("256x192", "--size; the content is 64x48")
    assert rows["iterations"][0] == "120 at 128x96, 220 at 256x192"
    rows = explained(stylize, content_path, style_path, "--quality", "high", "--size", "256")
    assert rows["iterations"][0] == (
        "75 at 128x96 through compact, 90 at 256x192 through compact, 85 at 256x192"
    )


def test_as_lines(stylize: Any, content_path: Path, style_path: Path) -> None:
    ended = stylize(content_path, style_path, "-o", "out.png", "--explain")
    assert ended.code == 0
    assert "seed" in ended.out and "(default: the same seed, the same picture)" in ended.out
    refused = stylize("nowhere.png", style_path, "-o", "out.png", "--explain")
    assert (refused.code, refused.out) == (4, "")
