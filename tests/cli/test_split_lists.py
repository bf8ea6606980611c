"""Lists that a shell has split into words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        (("sweep", "a.png", "b.png", "-o", "s", "--strength", "0.2", "0.5"), "'0.2,0.5'"),
        (("a.png", "b.png", "--style-weights", "3", "1", "-o", "a.png"), "'3,1'"),
        (("a.png", "b.png", "--style-layers", "relu1_1:5", "relu2_1"), "'relu1_1:5,relu2_1'"),
        (("sweep", "a.png", "b.png", "-s", "0:1:5", "1e-2", "2"), "'0:1:5,1e-2,2'"),
    ],
)
def test_they_are_named(stylize: Callable[..., Any], words: Any, quoted: str) -> None:
    ended = stylize(*words)
    assert ended.code == 2 and "PowerShell" in ended.err and quoted in ended.err


def test_a_picture_with_a_number_for_a_name(
    stylize: Callable[..., Any], content_path: Path, style_path: Path
) -> None:
    content_path.rename(content_path.with_name("1"))
    assert stylize("--seed", "3", "1", "style.png", "-o", "a.png").code == 0
