"""Standard output: a command's result, and nothing else."""

import json
import os
import sys
from typing import Any

from stylecli.errors import OutputError
from stylecli.messages import escaped, reason


def print_json(values: Any) -> None:
    """One JSON object on one line; raises `OutputError` where the pipe is closed."""
    print_line(json.dumps(values, allow_nan=False))


def print_line(text: str) -> None:
    """Print one line of text, `escaped`; raises `OutputError` where the pipe is closed."""
    if sys.stdout is None:
        raise OutputError("cannot write standard output: it is closed.")
    try:
        print(escaped(text), flush=True)
    except OSError as error:
        _abandon_stdout()
        raise OutputError(f"cannot write standard output: {reason(error)}.") from error


def _abandon_stdout() -> None:
    """Else the interpreter tries the same bytes again when it ends, and complains."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # not a real file, as under test
        return
