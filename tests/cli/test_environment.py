"""Environment variables: one for every option of every command, and which of two goes first."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stylecli.cli.commands import app

Run = Callable[..., Any]


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, below in (inner or {}).items():
        yield from commands(below, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app), "stylize"))
OPTIONS = [
    (name, param.name)
    for name, command in COMMANDS.items()
    for param in command.params
    if any(flag.startswith("--") for flag in param.opts)
]


def parsed(command: str, *words: str) -> Any:
    """The context of a command that is given no more than it must have, and `words`."""
    needed = [param.opts[0] for param in COMMANDS[command].params if param.required]
    args = [("x.png",) if name[0] != "-" else (name, "x.png") for name in needed]
    args = sorted(args, key=len)  # the pictures first
    return COMMANDS[command].make_context(command, [*itertools.chain(*args), *words])


def option(command: str, name: str) -> Any:
    (param,) = (param for param in COMMANDS[command].params if param.name == name)
    return param


def sample(param: Any) -> str:
    """A value of an option, as text, that is not its default."""
    descriptor = param.type_descriptor
    if descriptor.choices:
        return str(descriptor.choices[-1])
    if descriptor.annotation is bool:
        return "0" if param.default else "1"
    if descriptor.annotation in (int, float):
        most = getattr(descriptor.parameter_info, "max", None)
        return "16" if most is None else str(most)
    return "text"


@pytest.mark.parametrize(("command", "name"), OPTIONS)
def test_every_option_of_every_command_has_its_variable(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    param = option(command, name)
    long = next(flag for flag in param.opts if flag.startswith("--"))
    variable = f"STYLECLI_{long[2:].replace('-', '_').upper()}"
    if param.required:  # else the word on the command line goes first
        monkeypatch.setattr(param, "required", False)
    assert parsed(command).get_parameter_source(name).name == "DEFAULT"
    monkeypatch.setenv(variable, sample(param))
    context = parsed(command)
    assert context.get_parameter_source(name).name == "ENVIRONMENT"
    assert context.params[name] not in (None, param.default)


def test_a_list_is_separated_as_path_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLECLI_STYLE", os.pathsep.join(["my style.png", "b.png"]))
    monkeypatch.setenv("STYLECLI_PLOT", os.pathsep.join(["my plot.png", "b.csv"]))
    assert parsed("stylize batch").params["style"] == ["my style.png", "b.png"]
    assert parsed("stylize picture").params["plot"] == [Path("my plot.png"), Path("b.csv")]


@pytest.mark.parametrize(
    ("command", "variable", "words", "gone"),
    [
        ("stylize picture", "STYLECLI_STRENGTH=0.2", ("--alpha", "2"), "strength"),
        ("stylize picture", "STYLECLI_STRENGTH=0.2", ("--beta", "2"), "strength"),
        ("stylize picture", "STYLECLI_ALPHA=2", ("-s", "0.1"), "alpha"),
        ("stylize picture", "STYLECLI_ITERATIONS=5", ("--quality", "high"), "iterations"),
        ("stylize picture", "STYLECLI_VERBOSE=1", ("-q",), "verbose"),
        ("stylize sweep", "STYLECLI_STRENGTH=0.2,0.3", ("--alpha", "1,2"), "strength"),
        ("stylize batch", "STYLECLI_OVERWRITE=1", ("--skip-existing",), "overwrite"),
        ("stylize match", "STYLECLI_TRAIN=a", ("--build", "b"), "train"),
    ],
)
def test_a_variable_gives_way_to_an_option_that_excludes_it(
    command: str, variable: str, words: Any, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*variable.split("="))
    assert parsed(command).params[gone]
    context = parsed(command, *words)
    assert context.params[gone] == option(command, gone).default
    assert context.get_parameter_source(gone).name == "DEFAULT"


def test_variables_that_exclude_each_other_are_refused(
    stylize: Run, content_path: Path, style_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLI_STRENGTH", "0.2")
    assert stylize(content_path, style_path, "-o", "a.png", "--alpha", 2).code == 0
    monkeypatch.setenv("STYLECLI_ALPHA", "2")
    done = stylize(content_path, style_path, "-o", "b.png")
    assert done.code == 2 and "cannot be combined" in done.err


@pytest.mark.parametrize(
    ("words", "words_told"),
    [
        (("--size", "512x512"), "'--size': it should be a valid integer, got '512x512'."),
        (("--strength", "half"), "'--strength' / '-s': it should be a valid number, got 'half'."),
        (("--jpeg-quality", "0"), "greater than or equal to 1, got '0'."),
    ],
)
def test_a_value_that_is_refused_is_told(
    stylize: Run, content_path: Path, style_path: Path, words: Any, words_told: str
) -> None:
    done = stylize(content_path, style_path, "-o", "a.png", *words)
    assert done.code == 2 and words_told in done.err


def test_a_variable_that_is_refused_is_named(
    stylize: Run, content_path: Path, style_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLI_SIZE", "512x512")
    done = stylize(content_path, style_path, "-o", "a.png")
    assert done.code == 2 and "STYLECLI_SIZE" in done.err and "'512x512'" in done.err
