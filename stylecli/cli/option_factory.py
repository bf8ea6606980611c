"""How an option is declared: a parameter for Typer, with its panel."""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Final, get_args, get_type_hints

import typer

from stylecli.settings import LAYER_FIELDS, NUMBER_FIELDS, Compute, Settings

OBJECTIVE: Final = "Objective"
SIZE: Final = "Size"
STYLE: Final = "Style and color"
OPTIMIZER: Final = "Optimizer"
OUTPUT: Final = "Output"
ENCODER: Final = "Encoder"
DEVICE: Final = "Device"
FILES: Final = "Settings in files"
INPUT: Final = "Input"
RUN: Final = "While it runs"
BATCH: Final = "Batch"
VIDEO: Final = "Video"


def option(
    name: str,
    kind: Any,
    panel: str,
    text: str,
    *flags: str,
    default: Any = None,
    show_default: str | bool = True,
    metavar: str | None = None,
    low: int | None = None,
    high: int | None = None,
) -> inspect.Parameter:
    """One option as a parameter for Typer: `--name`, the short `flags`."""
    flag = f"--{name.replace('_', '-')}"
    paired = any(text.startswith(f"{flag}/") for text in flags)
    about = typer.Option(
        *(() if paired else (flag,)),
        *flags,
        help=text,
        rich_help_panel=panel,
        show_default=show_default,
        metavar=metavar,
        min=low,
        max=high,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about]
    )


_DEFAULTS: Final[Mapping[type, Any]] = {Settings: Settings(), Compute: Compute()}
_SETTINGS: Final = frozenset(field.name for field in fields(Settings))


def field_option(owner: type, name: str, panel: str, text: str, *flags: str, **extra: Any) -> Any:
    """The option for a field of `Settings` or `Compute`, of the field's own type and default."""
    text_form = name in (*LAYER_FIELDS, *NUMBER_FIELDS)
    kind = str | None if text_form else get_type_hints(owner)[name]
    default = getattr(_DEFAULTS[owner], name)
    return option(name, kind, panel, text, *flags, default=default, **extra)


def as_axis(parameter: inspect.Parameter) -> inspect.Parameter:
    """The option of a setting, taking a list or a range of its values; others as they are."""
    if parameter.name not in _SETTINGS:
        return parameter
    (about,) = get_args(parameter.annotation)[1:]
    swept = copy.copy(about)
    swept.metavar, swept.show_default = "VALUES", False
    return parameter.replace(annotation=Annotated[str | None, swept], default=None)


def declared(name: str, panel: str, text: str, *flags: str, **extra: Any) -> Any:
    """An option of one command, for `Annotated`; its default is the parameter's."""
    return typer.Option(
        f"--{name.replace('_', '-')}",
        *flags,
        help=text,
        rich_help_panel=panel,
        **extra,
    )


def switch(name: str, annotation: Any) -> inspect.Parameter:
    """An option that is declared for `Annotated`, as a parameter that is off unless given."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
    )
