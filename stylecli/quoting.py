r"""Text quoted for the place where it is pasted or opened: a shell, CSV, a page, TOML.

Names, recipes and lists come from anywhere. What is offered for pasting goes through
`pasted_command`, a table's cells through `csv_cell`, what a page holds through `script_json`,
settings in a file through `toml_value`, an address through `shown_address`; what only stands in
a message through `messages.escaped`.
"""

import json
import math
import os
import shlex
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from stylecli.system import on_windows

_WINDOWS_PLAIN: Final = frozenset(f"{string.ascii_letters}{string.digits}_-./:\\")
# Within double quotes still acted on, by cmd or by PowerShell, to which typographic ones are plain.
_WINDOWS_ACTIVE: Final = frozenset('"$`%!\u201c\u201d\u201e')
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def pasted_command(words: Iterable[str | Path], *, windows: bool | None = None) -> str | None:
    """A command for sh, on Windows for cmd and PowerShell; `None` where it cannot be pasted.

    A terminal acts on control characters within quotes as well, and shows text beside marks of
    direction in another order than it runs it. A path keeps a leading `./` where without it the
    word would be an option, a stream or one of our commands.
    """
    windows = on_windows() if windows is None else windows
    texts = [_path_word(word) if isinstance(word, Path) else word for word in words]
    if not all(text.isprintable() for text in texts):
        return None
    if not windows:
        return shlex.join(texts)
    if any(_WINDOWS_ACTIVE & set(text) or text.endswith("\\") for text in texts):
        return None  # no quoting is right for both of its shells
    return " ".join(map(_windows_word, texts))


def _path_word(path: Path) -> str:
    text = str(path)
    bare = "." not in text and not any(mark in text for mark in "/\\")
    return f".{os.sep}{text}" if text.startswith("-") or bare else text


def _windows_word(text: str) -> str:
    return text if text and set(text) <= _WINDOWS_PLAIN else f'"{text}"'


def csv_cell(value: object) -> object:
    """A value for a cell of CSV: a text that a spreadsheet would calculate gets a quote before.

    Numbers stay numbers, one that is not finite is an empty cell.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else ""
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA):
        return value
    return value if _is_number(value) else f"'{value}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and text.isascii() and "_" not in text
    except ValueError:
        return False


def script_json(value: Any) -> str:
    """JSON for a script inside a page: no character of it can end the script or begin markup."""
    text = json.dumps(value, allow_nan=False)  # ASCII alone
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def toml_value(value: Any) -> str:
    """A text, number, truth value or list of them, as TOML writes it.

    Characters that a terminal acts on are escaped. Raises `ValueError` for half a character,
    which TOML has no way to write.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)  # the same in both for numbers, true and false
    value.encode()
    return '"' + "".join(map(_toml_character, value)) + '"'


def _toml_character(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    if c.isprintable():
        return c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def shown_address(address: str) -> str:
    """An address without what may be secret in it: the user's name, the password, the query."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))[:200]
    except ValueError:
        return "an address that makes no sense"


def file_name(path: Path) -> Path:
    """A path as what is handed on may show it: an absolute one by its name alone."""
    return Path(path.name) if path.is_absolute() else path
