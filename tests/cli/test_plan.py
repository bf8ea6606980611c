"""`--dry-run`, `--tile` and `--max-memory` on the real core."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stylecli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_dry_run_prints_the_plan_and_writes_nothing(
    content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out.png"
    done = run(content_path, style_path, "-o", out, "--dry-run", "--json", "--size", 256)
    assert done.returncode == 0, done.stderr
    scales = json.loads(done.stdout)["scales"]
    assert [max(scale["width"], scale["height"]) for scale in scales] == [128, 256]
    assert all(scale["predicted_bytes"] > 0 and scale["seconds"] > 0 for scale in scales)
    assert not out.parent.exists()
    told = run(content_path, style_path, "-o", out, "--dry-run", "--size", 256)
    assert "untiled" in told.stderr and told.stdout == ""


def test_too_little_memory_is_7_and_names_a_size_that_fits(
    content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    pictures = (content_path, style_path, "-o", out, "--dry-run", "--max-memory", "2G")
    done = run(*pictures, "--size", 8192)
    assert done.returncode == 7
    size = done.stderr.partition("use --size ")[2].split()[0]
    assert run(*pictures, "--size", size).returncode == 0


@pytest.mark.parametrize(
    "option", [("--tile", "63"), ("--tile", "x"), ("--max-memory", "2 apples")]
)
def test_nonsense_is_usage(
    content_path: Path, style_path: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    done = run(content_path, style_path, "-o", tmp_path / "o.png", *option)
    assert done.returncode == 2
    assert option[1] in done.stderr and "Traceback" not in done.stderr
