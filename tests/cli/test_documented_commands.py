"""Every command of the pages is one that the program takes; what it would do is left out."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from stylecli.cli.commands import app

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md")
ENDS = ("|", "||", "&&", ";", ">")  # what begins another command, or a file
PROGRAM = "stylize"


def commands(text: str) -> list[str]:
    """Lines of code, and code in a sentence or table that names an output."""
    lines = re.findall(r"^(?: {4}| *\t)(.*)$", text, flags=re.MULTILINE)
    inline = re.findall(r"`(stylize [^`…]* -o [^`…]*)`", text)
    found = []
    for line in (*lines, *inline):
        if not re.search(r"(?:^|\s)stylize\s", line.partition("#")[0]):
            continue
        words = shlex.split(line.replace("$^", "a.jpg b.jpg"), comments=True)
        words = words[words.index(PROGRAM) + 1 :]
        found.append(shlex.join(words[: next((i for i, w in enumerate(words) if w in ENDS), None)]))
    return found


DOCUMENTED = [
    pytest.param(command, id=f"{path.stem}: {command}")
    for pattern in PAGES
    for path in sorted(ROOT.glob(pattern))
    for command in commands(path.read_text(encoding="utf-8"))
]


def test_there_are_many() -> None:
    assert len(DOCUMENTED) > 30


@pytest.fixture(scope="module")
def program() -> Any:
    """The program, whose commands say `True` instead of what they do."""
    group: Any = typer.main.get_command(app)
    weights = group.commands["weights"]
    for command in (*group.commands.values(), *weights.commands.values()):
        if command is not weights:
            command.callback = lambda **_: True
    return group


@pytest.mark.parametrize("command", DOCUMENTED)
def test_a_documented_command_parses(program: Any, command: str) -> None:
    assert program.main(shlex.split(command), prog_name=PROGRAM, standalone_mode=False) is True
