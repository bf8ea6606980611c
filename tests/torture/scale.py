"""How much is tried: little by default, and as much as the environment says.

TORTURE_COUNT is the number of inputs of one kind, TORTURE_SECONDS how long the fuzzers run in
all, TORTURE_SEED where chance begins.
"""

import os
from pathlib import Path
from typing import Final

_COUNT: Final = os.environ.get("TORTURE_COUNT")
FULL: Final = _COUNT is not None
SEED: Final = int(os.environ.get("TORTURE_SEED", "0"))
SECONDS: Final = float(os.environ.get("TORTURE_SECONDS", "2"))


def count(short: int) -> int:
    """`short`, or what was asked for."""
    return short if _COUNT is None else int(_COUNT)


def entries_of(folder: Path) -> list[str]:
    """The names of all files below a folder, links included."""
    return sorted(p.name for p in folder.rglob("*") if not p.is_dir()) if folder.is_dir() else []
