"""Environment variables: one for every option of every command, `STYLECLI_NAME` for `--name`."""

import os
from typing import Any, Final

from typer.core import TyperCommand, TyperOption

from stylecli.errors import InputError
from stylecli.settings import EXCLUDED_BY

# An option sets aside weaker values (of a variable, of a file) of the options it excludes.
EXCLUDES: Final = {
    **EXCLUDED_BY,
    "quality": ("iterations",),
    "skip_existing": ("overwrite",),
    "overwrite": ("skip_existing",),
    "quiet": ("verbose",),
    "verbose": ("quiet",),
    "build": ("train",),
    "train": ("build",),
}


def variable_of(option: Any) -> str:
    """The environment variable of an option, by its first long name."""
    name = next(flag for flag in option.opts if flag.startswith("--"))
    return f"STYLECLI_{name.removeprefix('--').replace('-', '_').upper()}"


class OptionsCommand(TyperCommand):
    """A command whose options all have an environment variable.

    A list in a variable is separated as PATH is: by colons, on Windows by semicolons. An option
    on the command line goes before the variables of the options that it excludes.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        for option in _options(self):
            option.envvar = variable_of(option)
            option.envvar_list_splitter = os.pathsep  # by default blanks, which names may hold
            option.show_envvar = False  # said once, below the help

    def invoke(self, ctx: Any) -> Any:
        """Run the command, unless there is no folder to run in: libraries would end the process."""
        try:
            os.getcwd()
        except FileNotFoundError as error:
            raise InputError(
                "the working folder has been deleted: change to one that is there."
            ) from error
        return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Set variables aside that an option on the command line excludes."""
        rest = super().parse_args(ctx, args)
        options = {option.name: option for option in _options(self)}
        sources = {name: ctx.get_parameter_source(name) for name in options}
        typed = [name for name, source in sources.items() if source.name == "COMMANDLINE"]
        excluded = {other for name in typed for other in EXCLUDES.get(name, ())}
        for name, source in sources.items():
            if name in excluded and source.name == "ENVIRONMENT":
                default = options[name].get_default(ctx)
                ctx.params[name] = options[name].process_value(ctx, default)
                ctx.set_parameter_source(name, type(source).DEFAULT)
        return rest


def _options(command: TyperCommand) -> list[Any]:
    return [param for param in command.params if isinstance(param, TyperOption)]
