"""Many processes at one picture, one cache, one folder: nothing torn, nothing left over."""

import contextlib
import io
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.encoder.cache import hub_folder

from .nursery import Nursery, end_by, parts, said, scaled, wait_until
from .scale import entries_of


@pytest.fixture
def folder(content_path: Path, style_path: Path) -> Path:
    """Four contents and a style, and nothing else."""
    (folder := content_path.parent / "runs").mkdir()
    with Image.open(content_path) as content:
        for number in range(4):
            content.rotate(90 * number, expand=True).save(folder / f"{number}.png")
    style_path.rename(folder / "style.png")
    return folder


@contextlib.contextmanager
def watched(path: Path) -> Iterator[list[bytes]]:
    """Read a file again and again; what was found of it, each version once."""
    found: list[bytes] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):
                if (data := path.read_bytes()) not in found:
                    found.append(data)
            time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_one_output(fake: Nursery, folder: Path, suffix: str) -> None:
    words = [[f"{n}.png", "style.png", "-q", "--force", "-o"] for n in range(4)]
    whole = []
    for each in words:
        assert fake.run(folder, *each, f"whole.{suffix}") == (0, "")
        whole.append((folder / f"whole.{suffix}").read_bytes())
    assert len(set(whole)) == 4
    with watched(folder / f"out.{suffix}") as found:
        for number in range(scaled(4, 50)):
            slow = 0.01 if number % 2 else 0.0
            fake.begin(folder, *([*each, f"out.{suffix}"] for each in words), slow=slow)
            assert fake.end() == [0] * 4, [said(folder, n) for n in range(4)]
            assert not parts(folder)
    assert set(found) <= set(whole) and len(found) > 1
    for data in found:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()


def test_one_output_that_nobody_may_replace(fake: Nursery, folder: Path) -> None:
    """Without --force: who comes first makes it, and who comes later may be refused."""
    (folder / "out.png").unlink(missing_ok=True)
    words = [[f"{n}.png", "style.png", "-q", "-o", "out.png"] for n in range(4)]
    fake.begin(folder, *words, slow=0.01)
    codes = fake.end()
    assert 0 in codes and set(codes) <= {0, 5}
    with Image.open(folder / "out.png") as picture:
        picture.load()
    assert not parts(folder)


def test_one_cache(
    fake: Nursery, tmp_path: Path, published: bytes, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which four fill at once, after one that was killed as it did."""
    (folder := tmp_path / "runs").mkdir()
    weights = tmp_path / "narrow.pth"
    pull = ["weights", "pull", "torchvision-vgg19"]
    cache, rounds = hub_folder(), scaled(2, 50)
    for _ in range(rounds):
        with contextlib.suppress(FileNotFoundError):
            (cache / "vgg19-narrow.pth").unlink()
        (process,) = fake.begin(folder, pull, published=str(weights), slow=0.2)
        wait_until(lambda: parts(cache), process)
        end_by(process, signal.SIGKILL)
        assert fake.end() == [-signal.SIGKILL] and parts(cache)
        fake.begin(folder, *[pull] * 4, published=str(weights), slow=0.5)
        assert fake.end() == [0] * 4, [said(folder, n) for n in range(4)]
        assert entries_of(cache) == ["vgg19-narrow.pth"]
        assert (cache / "vgg19-narrow.pth").read_bytes() == published
    assert len(server.requests) > 2 * rounds  # they were at it together


def test_one_folder(fake: Nursery, folder: Path) -> None:
    """Three batches that share the pictures; each line of the manifest is one record."""
    words = ["batch", *(f"{n}.png" for n in range(4)), "--style", "style.png", "-q"]
    seeds = [f'{{"content": "{n}.png", "seed": {s}}}' for n in range(4) for s in range(3)]
    (folder / "list").write_text("\n".join(seeds))
    words += ["--from-file", "list", "--name", "{content}_{seed}_{index}", "--skip-existing"]
    assert fake.run(folder, *words, "-o", "whole") == (0, "")
    whole = {path.name: path.read_bytes() for path in (folder / "whole").glob("*.png")}
    assert len(whole) == 16
    for number in range(scaled(3, 50)):
        out = f"out{number}"
        fake.begin(folder, *[[*words, "-o", out]] * 3, slow=0.005 * (number % 2))
        assert fake.end() == [0] * 3, [said(folder, n) for n in range(3)]
        made = {path.name: path.read_bytes() for path in (folder / out).glob("*.png")}
        assert made == whole
        assert entries_of(folder / out) == sorted([*whole, "manifest.jsonl"])
        lines = (folder / out / "manifest.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        assert {record["output"] for record in records} == {f"{out}/{name}" for name in whole}
        assert {record["status"] for record in records} <= {"done", "kept"}
