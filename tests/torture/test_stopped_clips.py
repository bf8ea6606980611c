"""A clip that is stopped, killed or left without disk goes on to the same bytes."""

import errno
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .failing import Faults
from .nursery import Nursery, end_by, parts, said, scaled, wait_until
from .scale import SEED, entries_of

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
WORDS = ["video", "clip", "style.png", "--codec", "ffv1", "--iterations", "3", "--quality", "draft"]
WORDS += ["--device", "cpu", "--precision", "fp32", "--force"]

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def clip(folder: Path) -> Path:
    """Five frames as pictures, two of them after a cut."""
    pytest.importorskip("av")
    pytest.importorskip("cv2")
    (clip := folder / "clip").mkdir()
    with Image.open(folder / "content.png") as content:
        for number in range(5):
            frame = content.crop((number, 0, 48 + number, 40))
            if number > 2:
                frame = Image.eval(frame.rotate(180), lambda level: 255 - level)
            frame.save(clip / f"{number}.png")
    return clip


@pytest.mark.parametrize("workers", [1, 2])
def test_it_goes_on_by_the_same_command(
    real: Nursery, folder: Path, clip: Path, workers: int
) -> None:
    chance = random.Random(SEED)
    words = [*WORDS, "--workers", str(workers), "-o"]
    assert real.run(folder, *words, "whole.mkv") == (0, said(folder))
    whole, store = (folder / "whole.mkv").read_bytes(), folder / "out.mkv.video"
    before = entries_of(folder)
    for number in NUMBERS * scaled(1, 20):
        (process,) = real.begin(folder, [*words, "out.mkv"], slow=chance.choice((0.0, 0.01)))
        frames = chance.randint(1, 4)
        wait_until(lambda: len(list(store.glob("frame-*"))) >= frames, process)  # noqa: B023
        time.sleep(0.05 * chance.random())
        end_by(process, number)
        assert real.end() in ([-number], [0]), said(folder)
        kept = {path.name: path.read_bytes() for path in store.glob("frame-*")}
        if kept and number != signal.SIGKILL:
            assert "the same command goes on" in said(folder) and not parts(store)
        assert kept or (folder / "out.mkv").exists()
        code, told = real.run(folder, *words, "out.mkv", "--keep-frames")
        assert (code, (folder / "out.mkv").read_bytes() == whole) == (0, True), told
        for name, data in kept.items():  # nothing that was finished has been made again
            assert (store / name).read_bytes() == data
        assert len(entries_of(store)) == 5
        shutil.rmtree(store)
        (folder / "out.mkv").unlink()
        assert entries_of(folder) == before


def test_a_disk_that_is_full_in_the_middle(
    stylize: Any, folder: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, exit code 5, and the frames that were finished stay."""
    monkeypatch.chdir(folder)
    store, out = folder / "out.mkv.video", folder / "out.mkv"
    words = [*WORDS, "-q", "-o", "out.mkv"]
    assert stylize(*words).code == 0
    whole = out.read_bytes()
    faults, met = Faults(store, monkeypatch), set()
    for number in range(1, 200, 11):
        out.unlink(missing_ok=True)
        faults.arm(number, errno.ENOSPC)
        done = stylize(*words)
        name = faults.disarm()
        if not name:
            break
        if done.code == 0:  # only the frames could not be removed, when all was written
            assert out.read_bytes() == whole
            continue
        kind = {4: "read", 5: "write"}[done.code]  # a call that opens a frame may be met, too
        assert done.err.startswith(f"stylize: error: cannot {kind} "), done.err
        assert done.err.endswith("no space left on device.\n") and done.err.count("\n") == 1
        assert not out.exists()
        assert not parts(folder)
        met.add(len(entries_of(store)))
    assert len(met) > 1 and out.read_bytes() == whole and not store.exists()
