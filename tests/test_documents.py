"""What a document states is bounded: its memory and its work grow with its own length."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from stylecli.batch.job_list import BadLine, read_lines
from stylecli.batch.manifest import read_manifest
from stylecli.errors import StylecliError
from stylecli.provenance.recipe import parse_recipe
from stylecli.settings import Settings
from stylecli.settings.parsing import MAX_LAYERS, parse_layers, parse_numbers
from stylecli.settings.toml_file import read_settings

LARGEST = 40  # times a document's own bytes, and what all of them take
ALWAYS = 2_000_000


def toml(text: str, tmp_path: Path) -> object:
    (path := tmp_path / "a.toml").write_text(text)
    return read_settings(path)


def recipe(text: str, _: Path) -> object:
    return parse_recipe(text)


def a_list(text: str, _: Path) -> object:
    (line,) = read_lines([text])
    if isinstance(line, BadLine):
        raise StylecliError(line.why)
    return Settings.from_dict(line.settings)


def manifest(text: str, tmp_path: Path) -> object:
    (path := tmp_path / "manifest.jsonl").write_text(text)
    raise StylecliError(str(read_manifest(path) and ""))


DOCUMENTS: dict[str, tuple[Callable[[str, Path], object], str]] = {
    "parts of a key": (toml, ".".join("a" * 16_000) + " = 1"),
    "quoted parts of a key": (toml, ".".join(['"="'] * 8_000) + " = 1"),
    "parts in a table": (toml, "x = {" + ".".join("a" * 16_000) + " = 1}"),
    "a deep table": (toml, "[" + ".".join("a" * 16_000) + "]"),
    "nested lists of settings": (toml, "seed = " + "[" * 20_000),
    "long settings": (toml, 'encoder = "' + "a" * 1_000_000 + '"'),
    "layers": (toml, 'style_layers = "' + ",".join(f"a{i}" for i in range(9_000)) + '"'),
    "weights": (toml, "style_weights = [" + "1," * 20_000 + "]"),
    "nested lists of a recipe": (recipe, "[" * 60_000),
    "a long recipe": (recipe, '"' + "a" * 2_000_000 + '"'),
    "names in a line": (a_list, json.dumps({"content": "a", **{f"a{i}": 0 for i in range(9_000)}})),
    "a long name in a line": (a_list, json.dumps({"content": "a", "a" * 60_000: 0})),
    "layers of a line": (a_list, json.dumps({"content": "a", "style_layers": "a," * 20_000})),
    "a long start": (a_list, json.dumps({"content": "a", "init": "a" * 60_000})),
    "nested lists of a manifest": (manifest, ("[" * 50_000 + "\n") * 3),
    "a manifest of one line": (manifest, '{"a": "' + "a" * 3_000_000),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_takes_more_than_its_length_allows(name: str, tmp_path: Path) -> None:
    parse, text = DOCUMENTS[name]
    tracemalloc.start()
    try:
        with pytest.raises(StylecliError) as caught:
            parse(text, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < ALWAYS + LARGEST * len(text)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "text",
    [
        ",".join(f"a{i}" for i in range(MAX_LAYERS + 1)),
        "a" * 65,
        ",".join("a" for _ in range(200_000)),
    ],
)
def test_layers_are_few(text: str) -> None:
    with pytest.raises(StylecliError):
        parse_layers(text)


def test_numbers_are_few() -> None:
    with pytest.raises(StylecliError, match="at most 1000"):
        parse_numbers("style_weights", "1," * 200_000)
    with pytest.raises(StylecliError, match="at most 1000"):
        Settings(style_weights=(1.0,) * 1001)
