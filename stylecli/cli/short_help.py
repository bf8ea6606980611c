"""Two help pages: `--help` shows the options needed first, `--help-all` every one."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any, Final

from stylecli.cli.environment import OptionsCommand
from stylecli.cli.options import FIRST
from stylecli.cli.stylize import paint_picture

HELP: Final = ("-h", "--help")
HELP_ALL: Final = "--help-all"
ALWAYS: Final = FIRST | {"content", "styles"}
COMPLETION: Final = frozenset({"install_completion", "show_completion"})
LATER: Final = COMPLETION | (set(inspect.signature(paint_picture).parameters) - ALWAYS)


class ShortHelp:
    """Help page of the options that come first; `--help-all` asks for all of them."""

    helping = whole = False

    def asked(self, args: list[str]) -> bool:
        """Whether arguments ask for either page."""
        options = args[: args.index("--")] if "--" in args else args
        self.whole = HELP_ALL in options
        return self.whole or any(word in HELP for word in options)

    def shown(self, params: list[Any]) -> list[Any]:
        """The parameters that the page shows; all of them where it is not being written."""
        if self.whole or not self.helping:
            return params
        return [param for param in params if param.name not in LATER]

    @contextlib.contextmanager
    def writing_help(self) -> Iterator[None]:
        """While the page is being written."""
        self.helping = True
        try:
            yield
        finally:
            self.helping = False


class ManyOptionsCommand(ShortHelp, OptionsCommand):
    """A command that takes all options which shape a picture."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Any of the words for help goes first."""
        return super().parse_args(ctx, ["--help"] if self.asked(args) else args)

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's parameters; on the short page those that come first."""
        return self.shown(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The short page, or the whole one."""
        with self.writing_help():
            super().format_help(ctx, formatter)
