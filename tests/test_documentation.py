"""docs/architecture.md names what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([\w./-]+\.py)`", PAGE)))


def test_the_page_names_modules() -> None:
    assert len(PATHS) > 40 and "benchmarks/textbook.py" in PATHS


@pytest.mark.parametrize("path", PATHS)
def test_every_module_named_in_the_page_exists(path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "stylecli" / path).is_file()


def test_every_room_is_in_the_picture() -> None:
    (picture,) = re.findall(r"```\n(.*?)```", PAGE, flags=re.DOTALL)
    for path in (ROOT / "stylecli").glob("[!_]*"):
        if path.suffix == ".py":
            assert re.search(rf"\b{path.stem}\b(?!/)", picture), path.name
        elif (path / "__init__.py").exists():
            assert f"{path.name}/" in picture
