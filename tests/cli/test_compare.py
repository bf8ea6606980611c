"""`stylize compare`, with the real encoder."""

import json
from pathlib import Path
from typing import Any

import pytest


def test_compare_tells_distances_and_decides(
    run: Any, content_path: Path, style_path: Path
) -> None:
    code, out, _ = run("compare", content_path, content_path, "--check")
    assert (code, out.splitlines()[0]) == (0, "content 0")
    code, out, _ = run("compare", content_path, style_path, "--check")
    assert code == 8
    assert [line.split()[0] for line in out.splitlines()] == ["content", "style", "different"]
    assert run("compare", content_path, style_path)[0] == 0
    assert run("compare", content_path, style_path, "--check", "--threshold", 2)[0] == 0


def test_compare_as_json_is_symmetric(run: Any, content_path: Path, style_path: Path) -> None:
    one = json.loads(run("compare", content_path, style_path, "--json")[1])
    two = json.loads(run("compare", style_path, content_path, "--json", "--by", "content")[1])
    for name in ("content", "style", "layers"):
        assert one[name] == two[name]
    assert (one["by"], two["by"]) == ("style", "content")
    assert two["same"] == (two["content"] <= two["threshold"])
    assert set(one["layers"]) == {f"relu{n}_1" for n in range(1, 6)}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("compare", "none.png", "none.png"), 4, "no such file"),
        (("compare", "-", "none.png"), 2, "reads its pictures from files"),
        (("compare", "a.png", "b.png", "--threshold", "-1"), 2, "threshold must be a number"),
        (("compare", "a.png", "b.png", "--threshold", "nan"), 2, "threshold must be a number"),
    ],
)
def test_refused(run: Any, arguments: Any, code: int, words: str) -> None:
    found = run(*arguments)
    assert found[0] == code
    assert words in found[2]
