"""Numbered patterns of file names, such as `frames/%04d.png`. No torch."""

import re
from pathlib import Path
from typing import Final

NUMBER: Final = re.compile(r"%0?(\d*)d")


def is_pattern(path: Path) -> bool:
    """Whether a path is a numbered pattern such as `frames/%04d.png`."""
    return NUMBER.search(path.name) is not None


def numbered(path: Path, number: int) -> Path:
    """The path of a pattern with its number put in."""
    return path.with_name(
        NUMBER.sub(lambda match: f"{number:0{int(match[1] or 0)}d}", path.name, count=1)
    )
