"""Each call of the system fails in turn: one sentence, the old output intact, nothing left over."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.batch.manifest import read_manifest
from stylecli.errors import OutputError
from stylecli.job import Job
from stylecli.pipeline.checkpoint import load_checkpoint, save_checkpoint

from .failing import Faults, every_fault
from .nursery import parts

WRITING = {"open", "file.write", "file.close", "fsync", "replace"}
OLD = b"what was there before"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (out := tmp_path / "out").mkdir()
    return out


@pytest.fixture
def faults(out: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(out, monkeypatch)


def one_sentence(told: str) -> str:
    (error,) = [line for line in told.splitlines() if line.startswith("stylize:")]
    assert error.startswith("stylize: error: cannot write ") and error.endswith(".")
    assert "Traceback" not in told
    return error


@pytest.mark.parametrize(
    ("suffix", "old"),
    [("png", None), ("png", OLD), ("jpg", OLD), ("webp", OLD), ("tif", None), ("avif", OLD)],
)
def test_a_picture(
    stylize: Any,
    content_path: Path,
    style_path: Path,
    out: Path,
    faults: Faults,
    suffix: str,
    old: bytes | None,
) -> None:
    target, spare = out / f"a.{suffix}", out / f"a-2.{suffix}"
    words = (content_path, style_path, "-q", "--force", "-o", target)
    assert stylize(*words).code == 0
    whole, ends = target.read_bytes(), set()

    def prepare() -> None:
        target.unlink(missing_ok=True)
        spare.unlink(missing_ok=True)
        if old is not None:
            target.write_bytes(old)

    def attempt() -> None:
        done = stylize(*words)
        ends.add(done.code)
        found = target.read_bytes() if target.exists() else None
        assert (done.code, found) in ((0, whole), (5, old)), (faults.hit, done.err)
        if done.code:
            assert os.strerror(faults.code).lower() in one_sentence(done.err)
        if spare.exists():  # the finished picture, whose own name was refused
            assert (done.code, spare.read_bytes()) == (5, whole) and spare.name in done.err
        assert {target, spare} >= set(out.iterdir())

    found = every_fault(faults, prepare, attempt)
    # A JPEG's pixels go to the descriptor itself: that fails on the small disk below.
    assert found >= WRITING - ({"file.write"} if suffix == "jpg" else set())
    assert ends == {0, 5}


def test_a_batch_and_its_manifest(
    stylize: Any, content_path: Path, style_path: Path, out: Path, faults: Faults
) -> None:
    words = ("batch", content_path, "--style", style_path, "-o", out, "-q", "--skip-existing")
    assert stylize(*words).code == 0
    (target,) = out.glob("*.png")
    whole, ends = target.read_bytes(), set()

    def attempt() -> None:
        done = stylize(*words)
        ends.add(done.code)
        assert done.code in ((0,) if not faults.hit else (0, 3, 5)), done.err
        if done.code:
            one_sentence(done.err)
        assert not target.exists() or target.read_bytes() == whole
        assert not parts(out)
        faults.disarm()
        assert stylize(*words).code == 0
        assert target.read_bytes() == whole
        records = read_manifest(out / "manifest.jsonl")
        assert records[-1]["output"] == str(target) and records[-1]["status"] in ("done", "kept")

    assert every_fault(faults, lambda: shutil.rmtree(out), attempt) >= {
        "mkdir",
        "open",
        "write",
        "fsync",
        "link",
    }
    assert ends == {0, 3, 5}


def test_a_record_that_is_written_in_part(
    stylize: Any, content_path: Path, style_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that fills up; the next batch mends the line."""
    words = ("batch", content_path, "--style", style_path, "-o", out, "-q", "--overwrite")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:40]))
        done = stylize(*words)
    assert done.code == 5
    one_sentence(done.err)
    assert read_manifest(out / "manifest.jsonl") == []
    assert stylize(*words).code == 0
    first, second = (out / "manifest.jsonl").read_text().splitlines()
    assert len(first) == 40 and json.loads(second)["status"] == "done"


def test_a_checkpoint(content_path: Path, style_path: Path, out: Path, faults: Faults) -> None:
    job, path = (
        Job(content=content_path, styles=(style_path,), output=out / "a.png"),
        out / "a.png.checkpoint",
    )
    hashes = {content_path: "1c", style_path: "57"}
    pictures = {name: torch.zeros(1, 3, 4, 4) for name in ("image", "best_image")}

    def save(iteration: int) -> None:
        state = {"scale": 0, "iteration": iteration, "descent": pictures}
        save_checkpoint(path, job, hashes, "5a", state)

    save(1)
    old = path.read_bytes()

    def attempt() -> None:
        kept = 2
        try:
            save(kept)
        except OutputError as error:
            kept = 1
            assert str(error) == f"cannot write {path}: {os.strerror(faults.code).lower()}."
        assert load_checkpoint(path).state["iteration"] == kept
        assert [each.name for each in out.iterdir()] == [path.name]

    assert every_fault(faults, lambda: path.write_bytes(old), attempt) >= WRITING


def test_a_device_that_is_always_full(
    stylize: Any, child: Any, content_path: Path, style_path: Path
) -> None:
    done = stylize(content_path, style_path, "-q", "--force", "-o", "/dev/full")
    assert (done.code, done.out) == (5, "")
    one_sentence(done.err)
    with open("/dev/full", "wb") as full:
        options = {"stdout": full, "stderr": subprocess.PIPE, "capture_output": False}
        ended = child(content_path, style_path, "-q", "-o", "-", **options)
        assert ended.returncode == 5
        one_sentence(ended.stderr.decode())
    assert Path("/dev/full").is_char_device()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where the system lets one be mounted."""
    (folder := tmp_path / "small").mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "none"]
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", *options, folder], capture_output=True).returncode
    ):
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_file_system_that_is_small_and_one_to_read_alone(
    stylize: Any, content_path: Path, style_path: Path, small: Path
) -> None:
    noise = torch.randint(0, 256, (300, 300, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.byte().numpy()).save("large.png")
    target = small / "a.png"
    target.write_bytes(OLD)
    words = ("large.png", style_path, "-q", "--force", "-o", target)

    def refused(why: str) -> None:
        for path in (target, small / "new.png", small / "folder" / "new.png", small / "new.jpg"):
            done = stylize(*words[:-1], path)
            assert done.code == 5 and why in one_sentence(done.err)
        done = stylize("batch", "large.png", "--style", style_path, "-q", "-o", small)
        assert done.code in (3, 5) and why in done.err
        assert target.read_bytes() == OLD and not parts(small)
        assert not list(small.rglob("new*")) and not list(small.glob("large*"))

    refused("no space left on device")
    assert stylize(content_path, *words[1:]).code == 0  # a small one fits
    target.write_bytes(OLD)
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    refused("read-only file system")
