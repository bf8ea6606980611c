"""A batch that is killed again and again, by the real program: nothing torn, lost or redone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from stylecli.batch.manifest import read_manifest

KILLS = int(os.environ.get("STYLECLI_TEST_KILLS", "3"))  # read here: no test sees the variable
NAMES = [f"{i}_style.png" for i in range(6)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, content: torch.Tensor, style_path: Path, monkeypatch: Any) -> None:
    """Six contents of three sizes, so that they are made in three groups."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    pixels = (content * 255).byte().permute(1, 2, 0).numpy()
    for i in range(6):
        tinted = numpy.roll(pixels, 9 * i, axis=1)[: 48 - 4 * (i // 2)]
        Image.fromarray(numpy.ascontiguousarray(tinted)).save(f"photos/{i}.png")


def begin(folder: str) -> subprocess.Popen[bytes]:
    words = ["batch", "photos", "--style", "style.png", "-o", folder, "--skip-existing"]
    settings = ["--size", "48", "--iterations", "40", "-q"]
    return subprocess.Popen([sys.executable, "-m", "stylecli", *words, *settings])


def made(folder: str) -> dict[str, int]:
    """Pictures that are in place, with the time of each."""
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.png")}


def test_killed_and_begun_again() -> None:
    assert begin("whole").wait(timeout=300) == 0
    chance = random.Random(1)
    for _ in range(KILLS):
        before = made("out")
        process = begin("out")
        wanted = min(len(before) + chance.randrange(3), len(NAMES))
        while process.poll() is None and len(made("out")) < wanted:
            time.sleep(0.002)
        time.sleep(chance.random() * chance.choice([0.02, 0.3, 3.0]))
        process.kill()
        assert process.wait() in (0, -signal.SIGKILL)
        check(before)
    before = made("out")
    assert begin("out").wait(timeout=300) == 0
    check(before)
    assert sorted(made("out")) == NAMES
    assert not list(Path("out").glob(".stylecli-*"))
    records = read_manifest(Path("out/manifest.jsonl"))
    assert {str(record["output"]) for record in records} == {f"out/{name}" for name in NAMES}
    assert all(record["status"] in ("done", "kept") for record in records)
    assert len(records) == len(NAMES)


def check(before: dict[str, int]) -> None:
    """Everything in place is whole, and what was whole before was left alone."""
    after = made("out")
    assert {name: after[name] for name in before} == before
    for name in after:
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()
