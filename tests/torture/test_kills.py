"""kill -9 at any moment: every output is the old one, the complete one or absent."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from stylecli.batch.manifest import read_manifest
from stylecli.pipeline.checkpoint import load_checkpoint

from .nursery import Nursery, end_by, parts, said, scaled, wait_until
from .scale import FULL, SEED, entries_of

SUFFIXES = ("png", "jpg", "webp", "tif")
TINY = ["--size", "48", "--device", "cpu", "--precision", "fp32", "-q"]
OLD = b"not a picture, but what was there before"


def kill_somewhere(
    nursery: Nursery, chance: random.Random, folder: Path, words: list[str], span: float
) -> tuple[int, bool]:
    """Begin a run and kill it; its exit code, and whether a file was being written."""
    slow = chance.choice((0.0, 0.01))
    (process,) = nursery.begin(folder, words, slow=slow)
    if slow:
        wait_until(lambda: parts(folder), process)
        time.sleep(0.05 * chance.random())
    else:
        time.sleep(span * chance.random())
    end_by(process, signal.SIGKILL)
    return nursery.end()[0], bool(parts(folder))


def test_single_runs(fake: Nursery, folder: Path) -> None:
    chance, torn, codes = random.Random(SEED), 0, set()
    for number in range(scaled(12, 300)):
        suffix = SUFFIXES[number % len(SUFFIXES)]
        (whole, out) = (folder / f"{name}.{suffix}" for name in ("whole", "out"))
        words = ["content.png", "style.png", "-q", "--force", "-o"]
        if not whole.exists():
            started = time.monotonic()
            assert fake.run(folder, *words, whole.name) == (0, "")
            span = time.monotonic() - started
        if old := chance.random() < 0.5:
            out.write_bytes(OLD)
        code, met = kill_somewhere(fake, chance, folder, [*words, out.name], span)
        codes.add(code)
        torn += met
        found = out.read_bytes() if out.exists() else None
        assert found in (OLD if old else None, whole.read_bytes()), (number, said(folder))
        assert found is not None or code != 0
        assert fake.run(folder, *words, out.name) == (0, "")
        assert out.read_bytes() == whole.read_bytes()
        out.unlink()
        assert all(path.stem in ("content", "style", "whole") for path in folder.iterdir())
    assert codes <= {0, -signal.SIGKILL}
    assert torn > 0 or not FULL


def test_runs_that_save_as_they_go(real: Nursery, folder: Path) -> None:
    """The checkpoint is absent or one to go on from, to the very picture."""
    chance, resumed = random.Random(SEED), 0
    words = ["content.png", "style.png", "-o", "out.png", "--iterations", "40", *TINY]
    started = time.monotonic()
    assert real.run(folder, *words) == (0, "")
    span = time.monotonic() - started
    (out := folder / "out.png").rename(whole := folder / "whole.png")
    saved = folder / "out.png.checkpoint"
    for _ in range(scaled(2, 50)):
        kill_somewhere(real, chance, folder, [*words, "--checkpoint-every", "0.1"], span)
        assert not out.exists() or out.read_bytes() == whole.read_bytes()
        if saved.exists():
            assert load_checkpoint(saved).job.output == out
            resumed += 1
            assert real.run(folder, "resume", saved.name, "-q", "--force") == (0, "")
        else:
            assert real.run(folder, *words, "--force") == (0, "")
        assert out.read_bytes() == whole.read_bytes()
        out.unlink()
        assert entries_of(folder) == ["content.png", "style.png", "whole.png"]
    assert resumed > 0 or not FULL


@pytest.mark.parametrize(("workers", "short", "full"), [(1, 2, 150), (2, 1, 30)])
def test_batches(real: Nursery, folder: Path, workers: int, short: int, full: int) -> None:
    """Killed up to three times, and then let end."""
    chance, kills = random.Random(SEED), scaled(short, full)
    (photos := folder / "photos").mkdir()
    with Image.open(folder / "content.png") as content:
        for number in range(4):
            content.crop((0, 0, 64, 48 - 4 * (number // 2))).rotate(number).save(
                photos / f"{number}.png"
            )
    words = ["batch", "photos", "--style", "style.png", "--skip-existing", "--iterations", "12"]
    words += ["--workers", str(workers)]
    started = time.monotonic()
    assert real.run(folder, *words, *TINY, "-o", "whole") == (0, "")
    span = time.monotonic() - started
    whole = {path.name: path.read_bytes() for path in (folder / "whole").glob("*.png")}
    assert len(whole) == 4
    while kills > 0:
        for _ in range(chance.randint(1, 3)):
            kill_somewhere(real, chance, folder, [*words, *TINY, "-o", "out"], span)
            kills -= 1
            for path in (folder / "out").glob("*.png"):
                assert path.read_bytes() == whole[path.name]
        assert real.run(folder, *words, *TINY, "-o", "out") == (0, "")
        out = folder / "out"
        assert {path.name: path.read_bytes() for path in out.glob("*.png")} == whole
        assert entries_of(out) == sorted([*whole, "manifest.jsonl"])
        records = read_manifest(out / "manifest.jsonl")
        assert {str(record["output"]) for record in records} == {f"out/{name}" for name in whole}
        assert len(records) == len(whole)
        for line in (out / "manifest.jsonl").read_text().splitlines():
            json.loads(line)
        shutil.rmtree(out)
