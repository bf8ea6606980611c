"""The Typer program: stylizing is its default command, and near misses are suggested.

A first word that names a command is that command; anything else is a picture to stylize. A
picture named like a command is given as `./weights`.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from stylecli._version import __version__
from stylecli.cli.batch import run_many
from stylecli.cli.compare import compare_pictures
from stylecli.cli.doctor import run_doctor
from stylecli.cli.environment import OptionsCommand
from stylecli.cli.match import match_style
from stylecli.cli.replay import replay_picture
from stylecli.cli.resume import resume_run
from stylecli.cli.short_help import HELP, HELP_ALL, ManyOptionsCommand, ShortHelp
from stylecli.cli.split_lists import check_split_lists
from stylecli.cli.stylize import paint_picture
from stylecli.cli.sweep import run_sweep
from stylecli.cli.video import paint_clip
from stylecli.cli.weights import weights_app
from stylecli.errors import UsageError
from stylecli.messages import did_you_mean, short_repr

DEFAULT: Final = "picture"  # the hidden name of the command that has none
COMPLETION: Final = ("--show-completion", "--install-completion")
SHELLS: Final = ("bash", "zsh", "fish", "powershell", "pwsh")
NARROWEST: Final = 60  # columns of a help page, whatever the terminal has
EPILOG: Final = (
    "All options: --help-all, also of stylize batch and stylize sweep. "
    "Every option has an environment variable: STYLECLI_SIZE=512 stands for --size 512; the "
    "option itself goes first.\n\n"
    "Exit codes: 0 done, 1 unexpected failure (a bug), 2 usage, 3 some of a batch failed, "
    "4 an input cannot be read, 5 the output cannot be written, 6 weights missing or corrupt, "
    "7 out of memory, 8 compared and different (--check), 129/130/143 ended by "
    "SIGHUP/SIGINT/SIGTERM."
)


class DefaultGroup(ShortHelp, TyperGroup):
    """A command group with a default command, which parses all but the commands' names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command's name in front where no command is named."""
        self._complete_for(ctx, args)
        named = bool(args) and args[0] in self.commands and args[0] != DEFAULT
        if not named:
            args = self._defaulted(ctx, args)
        return super().parse_args(ctx, args)

    def _complete_for(self, ctx: Any, args: list[str]) -> None:
        """Completion for the shell that is named: Typer's options know the running one alone."""
        option, equals, shell = args[0].partition("=") if args else ("", "", "")
        if option not in COMPLETION or not (equals or len(args) > 1):
            return
        shell = shell or args[-1]
        if shell not in SHELLS:
            raise UsageError(f"{option} knows the shells {', '.join(SHELLS)}, got {shell!r}.")
        param: Any = next(param for param in self.params if option in param.opts)
        param.callback(ctx, param, shell)

    def _defaulted(self, ctx: Any, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # completion: with nothing typed yet, commands fit as well
            return [DEFAULT, *args] if args else args
        if self.asked(args) or not args and sys.stdout is not None and sys.stdout.isatty():
            return ["--help"]
        group_options = {name for param in self.params for name in param.opts}
        if args and args[0].partition("=")[0] in group_options:
            return args
        self._suggest_command(args)
        return [DEFAULT, *args]

    def _suggest_command(self, args: list[str]) -> None:
        word = args[0] if args else ""
        if word.startswith("-") or Path(word).suffix or Path(word).name != word:
            return
        hint = did_you_mean(word, [name for name in self.commands if name != DEFAULT])
        if hint and not Path(word).exists():
            raise UsageError(f"there is no command and no picture {word!r}{hint}")

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Commands, and the default command's options."""
        default = self.commands[DEFAULT]
        inner = default.make_context(DEFAULT, [], parent=ctx, resilient_parsing=True)
        return [
            *super().shell_complete(ctx, incomplete),
            *default.shell_complete(inner, incomplete),
        ]

    def get_params(self, ctx: Any) -> list[Any]:
        """The group's parameters; on the help page also those of the default command."""
        params = super().get_params(ctx)
        if not self.helping:
            return params
        return self.shown([*self.commands[DEFAULT].params, *params])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line of the default command."""
        return ["CONTENT STYLE -o OUT [OPTIONS]", "| COMMAND ..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """One page: the default command's options, then the other commands."""
        with self.writing_help():
            super().format_help(ctx, formatter)


app = typer.Typer(
    cls=DefaultGroup,
    context_settings={"help_option_names": list(HELP)},
    rich_markup_mode="rich",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stylize {__version__}")
        raise typer.Exit


@app.callback()
def stylize(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    help_all: Annotated[  # answered before anything is parsed: see `DefaultGroup`
        bool, typer.Option(HELP_ALL, help="Show all options, and exit.")
    ] = False,
) -> None:
    """Paint one picture, CONTENT, in the style of another, STYLE, and write it to OUT.

    A first picture needs no options: stylize photo.jpg painting.jpg -o out.png
    """


app.command(DEFAULT, cls=OptionsCommand, hidden=True)(paint_picture)
app.add_typer(weights_app, name="weights")
for name, function in {
    "doctor": run_doctor,
    "batch": run_many,
    "sweep": run_sweep,
    "video": paint_clip,
    "compare": compare_pictures,
    "match": match_style,
    "resume": resume_run,
    "replay": replay_picture,
}.items():
    cls = ManyOptionsCommand if name in ("batch", "sweep") else OptionsCommand
    app.command(name, cls=cls)(function)


def run_program(arguments: Sequence[str]) -> int:
    """Parse and run; returns the exit code, raises `UsageError` for what Typer refuses."""
    check_split_lists(arguments)
    command = typer.main.get_command(app)
    if shutil.get_terminal_size().columns < NARROWEST:  # else the texts would have no room at all
        os.environ.setdefault("TERMINAL_WIDTH", str(NARROWEST))
    try:
        code = command.main(list(arguments), prog_name="stylize", standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's own, whichever Click it is built on
            raise
        raise UsageError(_sentence(error)) from error
    return code if isinstance(code, int) else 0


def _sentence(error: Any) -> str:
    """Typer's message as one sentence of ours, with the near miss and where help is."""
    message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    message = re.sub(r"Input should (be .*?)(, unable to .*)?$", r"it should \1", message)
    message += _value_of(error)
    near = getattr(error, "possibilities", None)
    if near and "id you mean" not in error.message:
        message = f"{error.message.rstrip('.')}; did you mean {near[0]}?"
    path = getattr(getattr(error, "ctx", None), "command_path", "stylize")
    command = str(path).removesuffix(f" {DEFAULT}")
    end = "" if message.endswith("?") else "."
    return f"{message[:1].lower()}{message[1:]}{end} Try '{command} --help'."


def _value_of(error: Any) -> str:
    """The value that was refused, with its variable where it comes from one."""
    refusals = getattr(error.__cause__, "errors", None)  # Pydantic's, which tell no value
    value = f", got {short_repr(refusals()[0]['input'])}" if refusals else ""
    option: Any = getattr(error, "param", None)
    if option is not None and error.ctx is not None:
        source = error.ctx.get_parameter_source(option.name)
        if source is not None and source.name == "ENVIRONMENT":
            return f"{value} (from {option.envvar})"
    return value
