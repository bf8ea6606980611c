"""Limits of the address space (`ulimit -v`), from too little to plenty."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from stylecli.batch.manifest import read_manifest

from .scale import FULL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has no such limits")

MIB = 2**20
LIMITED = (
    "import resource, sys\n"
    "limit = int(sys.argv.pop(1))\n"
    "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
    "from stylecli.cli.app import main\n"
    "sys.exit(main())\n"
)
USED = (
    "import stylecli.cli.commands, stylecli.batch.pool, stylecli.pipeline.single, torch\n"
    "words = open('/proc/self/status').read().split()\n"
    "print(words[words.index('VmPeak:') + 1])\n"
)
FLAGS = ("--iterations", "2", "--device", "cpu", "--precision", "fp32", "-q")
# How much more than what PyTorch takes when it is loaded, in MiB.
MORE = (150, 300, 450, 600, 800, 1000, 1300, 1700, 2200, 3000, 4000, 5000) if FULL else (400,)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def loaded() -> int:
    """Bytes of addresses that the program takes before it has done anything."""
    told = subprocess.run([sys.executable, "-c", USED], capture_output=True, text=True, check=True)
    return int(told.stdout) * 1024


@pytest.fixture
def limited(tmp_path: Path, style_path: Path) -> Run:
    def run(limit: int, *words: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", LIMITED, str(limit), *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500)

    return run


def sentence(told: str) -> str:
    """What was said in the end; nothing else must be."""
    assert "Traceback" not in told, told
    (line,) = told.splitlines()
    assert line.startswith("stylize: error: ")
    return line


@pytest.mark.parametrize("limit", [1024, 1536, 2048] if FULL else [1024])
def test_less_than_pytorch_takes(
    limited: Run, loaded: int, content_path: Path, style_path: Path, limit: int
) -> None:
    if loaded < 1.5 * limit * MIB:
        pytest.skip("this build of PyTorch is small")
    done = limited(limit * MIB, content_path, style_path, "-o", "out.png", *FLAGS)
    assert (done.returncode, done.stdout) == (7, "")
    assert "not enough memory to begin" in sentence(done.stderr)
    assert not (content_path.parent / "out.png").exists()


@pytest.mark.parametrize("size", [256, 1024, 2048] if FULL else [1024])
@pytest.mark.parametrize("more", MORE)
def test_a_smaller_plan_or_a_size_that_fits(
    limited: Run, loaded: int, content_path: Path, style_path: Path, more: int, size: int
) -> None:
    """Whoever follows the advice comes to a picture, or hears that none fits."""
    out, asked = content_path.parent / "out.png", [size]
    while True:
        words = (content_path, style_path, "-o", out, "--size", asked[-1], *FLAGS)
        done = limited(loaded + more * MIB, *words)
        if done.returncode == 0:
            assert done.stderr == ""
            with Image.open(out) as picture:
                picture.load()
                assert max(picture.size) == asked[-1]
            return
        assert done.returncode == 7 and not out.exists(), (done.returncode, done.stderr)
        told = sentence(done.stderr)
        found = re.search(r"(?:use --size|try size) (\d+)", told)
        if found is None:
            assert "no size fits" in told or "try a smaller --size" in told
            assert more < 400, told
            return
        asked.append(int(found[1]))
        assert 0 < asked[-1] < asked[-2] and len(asked) < 8, (told, asked)


def test_a_batch_goes_on(
    limited: Run, loaded: int, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    """After a picture that does not fit come those that do."""
    jobs = [{"content": str(content_path), "size": size} for size in (64, 6000, 80)]
    (tmp_path / "jobs").write_text("\n".join(json.dumps(job) for job in jobs))
    words = ("--style", style_path, "-o", "out", "--name", "{size}", *FLAGS)
    done = limited(loaded + 1000 * MIB, "batch", "--from-file", "jobs", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert "--size" in sentence(done.stderr)
    records = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert [(r["output"], r["status"], r.get("code")) for r in records] == [
        ("out/64.png", "done", None),
        ("out/6000.png", "failed", 7),
        ("out/80.png", "done", None),
    ]
