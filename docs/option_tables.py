"""Write the tables of docs/options.md from the declarations: `python docs/option_tables.py`.

What is outside the two marks is written by hand and stays.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import typer

from stylecli.cli.commands import DEFAULT, app
from stylecli.cli.options import PARAMETERS

PAGE: Final = Path(__file__).with_name("options.md")
BEGIN, END = "<!-- written by docs/option_tables.py: -->", "<!-- end of the tables -->"


def tables() -> str:
    """All commands' options: those of one picture in full, of others what they add."""
    program = typer.main.get_command(app)
    default = program.commands[DEFAULT]  # type: ignore[attr-defined]
    lines = ["## One picture", "", "`stylize CONTENT STYLE [STYLE ...] -o OUT`"]
    lines += ["", str(default.help)]
    lines += _options(default, default.params, headings=True)
    lines += ["", "### Help, version, completion"]
    lines += _options(program, program.params, headings=False)
    shared = {parameter.name for parameter in PARAMETERS}
    for name, command in _commands(program, "stylize"):
        lines += ["", f"## {name}", "", f"`{_usage(name, command)}`", "", str(command.help)]
        has = shared & {param.name for param in command.params} == shared
        if has:
            lines += ["", "All options that shape a picture are those of one picture; and these:"]
        own = [param for param in command.params if not has or param.name not in shared]
        lines += _options(command, own, headings=False)
    return "\n".join(lines)


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        elif name != DEFAULT:
            yield f"{path} {name}", command


def _usage(name: str, command: Any) -> str:
    words = [
        param.metavar or param.name.upper()
        for param in command.params
        if param.param_type_name == "argument"
    ]
    return " ".join([name, *words, "[OPTIONS]"])


def _options(command: Any, params: list[Any], *, headings: bool) -> list[str]:
    kinds = get_type_hints(command.callback)
    panels: dict[str, list[str]] = {}
    for param in params:
        if param.param_type_name == "option":
            panel = getattr(param, "rich_help_panel", None) if headings else None
            panels.setdefault(panel or "", []).append(_row(param, kinds.get(param.name)))
    lines: list[str] = []
    for panel, rows in panels.items():
        lines += ["", f"### {panel}", ""] if panel else [""]
        lines += ["| option | value | default | |", "| --- | --- | --- | --- |", *rows]
    return lines


def _row(param: Any, kind: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
    value = "" if param.is_flag else param.metavar or _words(kind)
    cells = (names, f"`{value}`" if value else "", _default(param), param.help or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _words(kind: Any) -> str:
    """`draft|normal|high` for a `Literal`, else the name of the type."""
    inner = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is Literal:
        return "|".join(map(str, inner))
    if inner:
        return _words(inner[0])
    return {int: "N", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _default(param: Any) -> str:
    if isinstance(param.show_default, str):
        return param.show_default
    if param.is_flag:
        return "on" if param.default is True and param.secondary_opts else ""
    plain = param.default is None or param.default in ([], ()) or callable(param.default)
    if plain:
        return ""
    return f"`{param.default:g}`" if isinstance(param.default, float) else f"`{param.default}`"


def updated(text: str) -> str:
    """The page with fresh tables between the two marks."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8") < 0)
