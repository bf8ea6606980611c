"""Whatever a name holds, what is pasted or opened does what it says."""

import csv
import io
import json
import shlex
import tomllib
from pathlib import Path

import pytest

from stylecli.quoting import (
    csv_cell,
    file_name,
    pasted_command,
    script_json,
    shown_address,
    toml_value,
)

HOSTILE = (
    "a;touch X;b.png",
    "$(touch X).png",
    "`x`",
    "it's",
    'say "x"',
    "a b",
    "~x",
    "*",
    "%PATH%",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_word_of_a_shell(name: str) -> None:
    command = pasted_command(["stylize", "resume", Path("out", name)], windows=False)
    assert command is not None
    assert shlex.split(command) == ["stylize", "resume", f"out/{name}"]


@pytest.mark.parametrize("active", ['"', "$(x)", "`", "%PATH%", "!", "\u201c", "\u201d", "\u201e"])
def test_what_a_shell_of_windows_acts_on_within_quotes(active: str) -> None:
    assert pasted_command(["stylize", f"a{active}b.png"], windows=True) is None


def test_words_of_windows() -> None:
    words = ["stylize", "a & b.png", "c,d", "it's", "C:\\p\\a.png", "-s", "0.5", ""]
    expected = 'stylize "a & b.png" "c,d" "it\'s" C:\\p\\a.png -s 0.5 ""'
    assert pasted_command(words, windows=True) == expected
    assert pasted_command(["C:\\p p\\"], windows=True) is None


@pytest.mark.parametrize(
    "bad", ["\n", "\r", "\x1b[2J", "\x7f", "\x9b", "\u202e", "\u2028", "\udcff"]
)
def test_what_a_terminal_acts_on_is_not_offered(bad: str) -> None:
    assert pasted_command(["stylize", Path(f"a{bad}b.png")]) is None


@pytest.mark.parametrize("name", ["batch", "weights", "-", "--force", "-x.png"])
def test_a_path_is_no_command_option_or_stream(name: str) -> None:
    assert pasted_command(["stylize", Path(name)], windows=False) == f"stylize ./{name}"
    assert pasted_command(["stylize", Path("a/batch")], windows=False) == "stylize a/batch"


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@sum", " =1", "\t=1", "\r=1", "\uff1d1"])
def test_a_formula_is_a_text(text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(text)])
    assert next(csv.reader([file.getvalue()]))[0].startswith("'")


@pytest.mark.parametrize("value", ["-1", "+2.5e3", "-0.0", "a=1", "", 3, -0.5, None])
def test_numbers_and_plain_texts_stay(value: object) -> None:
    assert csv_cell(value) == value
    assert csv_cell(float("nan")) == csv_cell(float("inf")) == ""


def test_nothing_ends_a_script() -> None:
    value = {"a": "</script><!--<script>&amp;\u2028\udcff"}
    text = script_json(value)
    assert not set("<>&\u2028") & set(text) and json.loads(text) == value


@pytest.mark.parametrize(
    "text", ['"', "\\", "\x00\x1b\x7f\x9b", "\n\r\t", "\u202e", "é", "\U0001f600\U000e0001", "a#b"]
)
def test_toml_there_and_back(text: str) -> None:
    written = toml_value([text, 1, 2.5, True])
    assert written.isprintable()
    assert tomllib.loads(f"x = {written}") == {"x": [text, 1, 2.5, True]}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret@example.org/a", "https://example.org/a"),
        ("https://secret@example.org:8080/a?token=secret#secret", "https://example.org:8080/a"),
        ("https://me:sec@ret@example.org/", "https://example.org/"),
        ("https://[secret", "an address that makes no sense"),
    ],
)
def test_no_password_is_shown(address: str, shown: str) -> None:
    assert shown_address(address) == shown
    assert len(shown_address("https://x/" + "a" * 9999)) == 200


def test_an_absolute_path_is_its_name() -> None:
    assert file_name(Path("/home/me/a.png")) == Path("a.png")
    assert file_name(Path("../a.png")) == Path("../a.png")
