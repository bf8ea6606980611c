"""Lists of jobs: a path, CSV or JSON on each line. No torch."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MAX_LINE: Final = 1_000_000  # characters of one job


@dataclass(frozen=True)
class Line:
    """One job of a list: its number in the list, its pictures, and settings of its own."""

    number: int
    content: Path
    styles: tuple[Path, ...] = ()
    output: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadLine:
    """A line that is no job, and why."""

    number: int
    why: str


def read_lines(lines: Iterable[str], root: Path = Path()) -> Iterator[Line | BadLine]:
    """The jobs of a list, one a line: a path, `content,style[,output]` in CSV, or JSON.

    A JSON job is an object with `content`, `style` or `styles`, `output`, and any setting. Empty
    lines and those that begin with # are passed over. `root` is the folder of relative paths.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip("\r\n")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            if len(text) > MAX_LINE:
                raise ValueError("it is too long")
            yield _line(number, text, root)
        except (ValueError, RecursionError, csv.Error) as error:
            yield BadLine(number, " ".join(str(error).split()).rstrip("."))


def _line(number: int, text: str, root: Path) -> Line:
    if text.lstrip().startswith("{"):
        return _json_line(number, text)
    if os.path.exists(root / text):  # a path may hold a comma
        return Line(number, Path(text))
    cells = next(csv.reader([text], strict=True, skipinitialspace=True))
    if not 1 <= len(cells) <= 3 or not all(cells):
        raise ValueError("it is neither a path nor content,style[,output]")
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    content, *others = map(Path, cells)
    return Line(number, content, tuple(others[:1]), others[1] if len(others) > 1 else None)


def _json_line(number: int, text: str) -> Line:
    values = json.loads(text)
    styles = values.pop("styles", None)
    if "style" in values:
        if styles is not None:
            raise ValueError("it has both style and styles")
        styles = [values.pop("style")]
    content, output = values.pop("content", None), values.pop("output", None)
    listed = [] if styles is None else styles if isinstance(styles, list) else [None]
    texts = [content, *listed, *([] if output is None else [output])]
    if not all(isinstance(text, str) and text and "\0" not in text for text in texts):
        raise ValueError("content, style, styles and output must be paths")
    for text in texts:
        os.fsencode(text)  # JSON can spell half a character, which no file name holds
    paths = tuple(map(Path, listed))
    return Line(number, Path(content), paths, None if output is None else Path(output), values)
