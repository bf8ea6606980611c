"""The entrance: one family of errors to one set of exit codes, and nothing else.

Typer itself is imported late, so that a Ctrl-C in the first moment ends as any other.
"""

import contextlib
import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

from stylecli.cli.signals import Stopped, die, stoppable
from stylecli.errors import MemoryLimitError, OutputError, StylecliError, UsageError
from stylecli.messages import reason
from stylecli.system import on_windows

_STREAM_ERRORS: Final = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `stylize` with `arguments` (those of the process if `None`); returns the exit code.

    Does not return after SIGINT, SIGTERM or SIGHUP: the process ends by that signal.
    """
    # GNU OpenMP's threads spin long before they sleep; beside any other program on the same cores
    # that stalls every layer. Measured by benchmarks/threads.py: two programs at once on two
    # cores 3.1 s an iteration each, 0.33 s with this; alone 0.070 against 0.076 s.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    words = list(sys.argv[1:] if arguments is None else arguments)
    _accept_any_text()
    try:
        with stoppable(), _quiet_warnings():
            return _flushed(_exit_code(words))
    except Stopped as stop:
        _complain(f"stopped by {stop.name}{f'; {stop.advice}' if stop.advice else '.'}")
        return die(stop.number)


def _accept_any_text() -> None:
    """Escape what a stream's encoding lacks: redirected, it is Windows' code page."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _exit_code(arguments: list[str]) -> int:
    try:
        from stylecli.cli.commands import run_program

        return run_program(arguments)
    except StylecliError as error:
        _complain(f"error: {error}")
        return error.exit_code
    except OSError as error:
        closed = on_windows() and error.errno == errno.EINVAL  # as a closed pipe says there
        if (
            not closed and error.errno not in _STREAM_ERRORS
        ):  # the library wraps its own; what is left is print
            return _unexpected(error, arguments)
        _complain(f"error: cannot write standard output: {reason(error)}.")
        return OutputError.exit_code
    except SystemExit as end:  # how Typer and Rich end where standard output is closed
        if isinstance(end.__context__, OSError):
            return OutputError.exit_code
        raise
    except Exception as error:
        return _unexpected(error, arguments)


def _unexpected(error: Exception, arguments: list[str]) -> int:
    from stylecli.errors import is_device_failure, is_out_of_memory

    if _wants_traceback(arguments):
        import traceback

        traceback.print_exception(error)
    if is_out_of_memory(error):
        advice = ": try a smaller --size."
        if isinstance(error, ImportError):  # no size helps before the work has begun
            advice = " to begin: close other programs, or raise the limit (ulimit -v)."
        _complain(f"error: there is not enough memory{advice}")
        return MemoryLimitError.exit_code
    if is_device_failure(error):
        _complain("error: the GPU failed: see 'stylize doctor --check', or use --device cpu.")
        return UsageError.exit_code
    what = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
    _complain(
        f"unexpected failure ({what}): this is a bug; please report it with the command, what "
        "'stylize doctor' prints, and the traceback that STYLECLI_DEBUG=1 shows."
    )
    return StylecliError.exit_code


def _wants_traceback(arguments: list[str]) -> bool:
    return bool(os.environ.get("STYLECLI_DEBUG")) or bool({"-v", "--verbose"} & set(arguments))


def _flushed(code: int) -> int:
    """Flush standard output here, where a closed pipe can still become an exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # else the interpreter tries again, loudly
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or OutputError.exit_code
    return code


def _complain(sentence: str) -> None:
    from stylecli.messages import escaped

    with contextlib.suppress(OSError, ValueError):
        print(f"stylize: {escaped(sentence)}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Warnings are for developers: shown with STYLECLI_DEBUG or Python's own -W."""
    with warnings.catch_warnings():
        if not sys.warnoptions and not os.environ.get("STYLECLI_DEBUG"):
            warnings.simplefilter("ignore")
        yield
