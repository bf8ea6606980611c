"""Lists of jobs: a path, CSV or JSON on each line. No torch."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stylecli.settings.parsing import decode_text

MAX_LINE: Final = 1_000_000  # characters of one job
COLUMNS: Final = ("content", "style", "output")
_OUTPUT_OPTIONS: Final = {"jpeg_quality": "quality", "bits": "bits", "keep_alpha": "keep_alpha"}
_SEPARATORS: Final = ",;\t"  # spreadsheets write any of them


@dataclass(frozen=True)
class Line:
    """One job of a list: its number in the list, its pictures, and settings of its own.

    `output_options` are those of the output's format, by the names of `OutputOptions`.
    """

    number: int
    content: Path
    styles: tuple[Path, ...] = ()
    output: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    mask: Path | None = None
    style_masks: tuple[Path, ...] = ()
    output_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadLine:
    """A line that is no job, and why."""

    number: int
    why: str


def split_list(data: bytes) -> list[str]:
    """The lines of a list, as spreadsheets, Windows, old Macs and `find -print0` write it.

    It may begin with a byte order mark (UTF-8 or UTF-16), and file names may be in any encoding.
    """
    text = decode_text(data, "surrogateescape")
    if text.endswith("\0") or ("\0" in text and "\n" not in text):
        return text.split("\0")
    return text.split("\n" if "\n" in text else "\r")


def read_lines(lines: Iterable[str], root: Path = Path()) -> Iterator[Line | BadLine]:
    """The jobs of a list, one a line: a path, `content,style[,output]` in CSV, or JSON.

    A JSON job is an object with `content`, `style` or `styles`, `output`, `mask`, `style_mask` or
    `style_masks`, `jpeg_quality`, `bits`, `keep_alpha`, and any setting. Empty lines and those
    that begin with # are passed over. A first line of column names says in which order they
    come. Blanks around a path do not count, and `~` is the home folder, unless there is a file of
    just that name. `root` is the folder of relative paths.
    """
    columns: Sequence[str] | None = None  # until the first job
    for number, line in enumerate(lines, 1):
        text = line if _exists(line, root) else line.strip("\r\n")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            if len(text) > MAX_LINE:
                raise ValueError("it is too long")
            if columns is None:
                columns = _header(text, root)
                if columns is not None:
                    continue
                columns = COLUMNS
            yield _line(number, text, columns, root)
        except (ValueError, RecursionError, csv.Error) as error:
            yield BadLine(number, " ".join(str(error).split()).rstrip("."))


def _line(number: int, text: str, columns: Sequence[str], root: Path) -> Line:
    if text.lstrip().startswith("{"):
        return _json_line(number, text)
    if _exists(text, root):  # a path may hold a comma, and blanks
        return Line(number, Path(text))
    cells = _cells(text)
    if not 1 <= len(cells) <= len(columns) or not all(cells):
        raise ValueError("it is neither a path nor content,style[,output]")
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    named = dict(zip(columns, cells, strict=False))
    if "content" not in named:
        raise ValueError("it names no content")
    styles = (_path(named["style"]),) if "style" in named else ()
    output = Path(named["output"]) if "output" in named else None
    return Line(number, _path(named["content"]), styles, output)


def _cells(text: str) -> list[str]:
    """The cells of a line of CSV, separated by the first of the usual characters it holds."""
    separator = next((c for c in _SEPARATORS if c in text), ",")
    rows = csv.reader([text], strict=True, skipinitialspace=True, delimiter=separator)
    return [cell.strip() for cell in next(rows)]


def _header(text: str, root: Path) -> Sequence[str] | None:
    """The columns that a line names, or `None` where it is a job."""
    if _exists(text, root) or len(text) > MAX_LINE or text.lstrip().startswith("{"):
        return None
    names = [name.lower() for name in _cells(text)]
    known = len(set(names)) == len(names) and {"content"} <= set(names) <= set(COLUMNS)
    return names if known else None


def _path(text: str) -> Path:
    """A path as a list gives it, with `~` as the home folder."""
    if text.startswith("~") and not _exists(text):
        return Path(os.path.expanduser(text))
    return Path(text)


def _exists(text: str, root: Path = Path()) -> bool:
    """Whether a text, which may be no path at all, names something in the folder."""
    possible = 0 < len(text) <= MAX_LINE and "\0" not in text
    return possible and os.path.lexists(root / text)


def _json_line(number: int, text: str) -> Line:
    values = json.loads(text)
    output, mask = (values.pop(name, None) for name in ("output", "mask"))
    return Line(
        number,
        _json_path(values.pop("content", None)),
        _json_paths(values, "style"),
        None if output is None else Path(_json_text(output)),
        mask=None if mask is None else _json_path(mask),
        style_masks=_json_paths(values, "style_mask"),
        output_options={
            field: values.pop(name) for name, field in _OUTPUT_OPTIONS.items() if name in values
        },
        settings=values,
    )


def _json_paths(values: dict[str, Any], name: str) -> tuple[Path, ...]:
    """Take the one path under `name`, or the list under its plural, out of a JSON object."""
    several = values.pop(f"{name}s", None)
    if name in values:
        if several is not None:
            raise ValueError(f"it has both {name} and {name}s")
        several = [values.pop(name)]
    if several is not None and not isinstance(several, list):
        raise ValueError(f"{name}s must be a list of paths")
    return tuple(map(_json_path, several or ()))


def _json_path(value: Any) -> Path:
    return _path(_json_text(value))


def _json_text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("pictures and outputs must be paths")
    os.fsencode(value)  # JSON can spell half a character, which no file name holds
    return value
