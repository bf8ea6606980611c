"""Lists that a shell has split: PowerShell passes 0.2,0.5 without quotes as two words."""

import os
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from stylecli.errors import UsageError

# A number, a range, a layer with or without its weight, or a preset of layers.
_ITEM: Final = re.compile(
    r"[-+]?[\d.]+(e[-+]?\d+)?(:[-+.\de]+)?(:(log|lin)?\d+)?"
    r"|relu\d_\d(:[\d.e+-]+)?|fine|normal|coarse"
)


def check_split_lists(arguments: Sequence[str]) -> None:
    """Raise `UsageError` where the value of an option is followed by more that are no files."""
    options = takewhile(lambda word: word != "--", arguments)
    for index, word in enumerate(options):
        values = list(takewhile(_ITEM.fullmatch, arguments[index + 1 :]))
        if _is_option(word) and len(values) > 1 and not any(map(os.path.lexists, values[1:])):
            raise UsageError(
                f"{word} has {len(values)} values: a list is one word, in quotes where the shell "
                f"splits it, as PowerShell does: {word} '{','.join(values)}'."
            )


def _is_option(word: str) -> bool:
    return word.startswith("-") and "=" not in word and _ITEM.fullmatch(word) is None
