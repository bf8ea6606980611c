"""Each option: declared once, of the settings' default, documented."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stylecli.cli.commands import app
from stylecli.cli.options import PARAMETERS
from stylecli.settings import Compute, Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for inner, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {inner}")


PROGRAM = typer.main.get_command(app)
COMMANDS = list(commands(PROGRAM, "stylize"))
OPTIONS = sorted(
    {
        name
        for _, command in COMMANDS
        for param in command.params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }
)


def test_every_setting_is_an_option_with_its_default() -> None:
    by_name = {parameter.name: parameter for parameter in PARAMETERS}
    for owner in (Settings(), Compute()):
        for field in dataclasses.fields(owner):
            assert by_name[field.name].default == getattr(owner, field.name)


def test_every_option_has_an_environment_variable_and_a_panel() -> None:
    default = dict(COMMANDS)["stylize picture"]
    for param in default.params:
        if param.name not in ("content", "styles"):
            assert param.envvar == f"STYLECLI_{param.name.upper()}"
            assert param.rich_help_panel


def test_help_holds_no_markup() -> None:
    for _, command in COMMANDS:
        texts = [command.help, *(getattr(param, "help", "") for param in command.params)]
        assert not any("[" in (text or "") for text in texts)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_documentation_has_every_option(option: str) -> None:
    text = (DOCS / "options.md").read_text(encoding="utf-8")
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), option


@pytest.mark.parametrize(
    "name", [name for name, command in COMMANDS if " " in name and name != "stylize picture"]
)
def test_the_documentation_has_every_command(name: str) -> None:
    assert name in (DOCS / "options.md").read_text(encoding="utf-8")
