"""Text for people: control characters escaped, long values cut, near misses suggested."""

from collections.abc import Iterable
from typing import Any, Final

_LONGEST_WORD: Final = 100
_LONGEST: Final = 200  # characters of a value in a message


def escaped(name: object) -> str:
    """A text with control characters and broken encodings escaped, for a message."""
    text = str(name).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short_repr(value: Any) -> str:
    """The `repr` of a value, cut where it is long, for a message; never raises."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of 5000 digits, lists a thousand deep
        return f"{type(value).__name__} past all bounds"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    import difflib  # costs 5 ms, needed only on the way to an error

    if len(word) > _LONGEST_WORD:  # the comparison takes the square of its length
        return ""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def reason(error: OSError) -> str:
    """The `strerror` of an error, in lower case and without the number."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def ignore(*_: object) -> None:
    """Callback that does nothing."""
