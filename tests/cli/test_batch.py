"""`stylize batch`: what is found, named, told and left."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.batch.manifest import read_manifest

Run = Callable[..., Any]


@pytest.fixture
def batch(stylize: Run, photos: None) -> Run:
    """Run `stylize batch` here."""
    return lambda *words: stylize("batch", *words)


@pytest.fixture
def photos(tmp_path: Path, content_path: Path, style_path: Path) -> None:
    """Three photos, one of them below, and two styles."""
    for folder in ("photos/deep", "styles", "empty", "junk"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("photos/a.png", "photos/b.png", "photos/deep/a.png"):
        shutil.copy(content_path, tmp_path / name)
    for name in ("styles/x.png", "styles/y.png"):
        shutil.copy(style_path, tmp_path / name)
    (tmp_path / "junk" / "notes.txt").write_text("no picture")


def outputs(folder: str = "out") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.*g"))


X = ("--style", "styles/x.png", "-o", "out")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("photos/a.png", *X), ["a_x.png"]),
        (("photos", *X), ["a_x.png", "b_x.png"]),
        (("photos", "-r", *X), ["a_x.png", "b_x.png", "deep/a_x.png"]),
        (("photos/*.png", *X), ["a_x.png", "b_x.png"]),
        (("photos/*/a.png", "photos/a.png", *X), ["deep-a.png_x.png", "photos-a.png_x.png"]),
        (
            ("photos", "--style", "styles", "-o", "out"),
            [f"{n}_{s}.png" for n in "ab" for s in "xy"],
        ),
        (("photos", *X, "--style", "styles/y.png", "--pair", "zip"), ["a_x.png", "b_y.png"]),
        (("photos", *X, "--style", "styles/y.png", "--pair", "blend"), ["a_x+y.png", "b_x+y.png"]),
        (
            ("photos", *X, "--name", "{style}/{index}-{content}", "--format", "jpg"),
            ["x/0001-a.jpg"],
        ),
    ],
)
def test_what_is_painted(batch: Run, words: Any, names: list[str]) -> None:
    done = batch(*words)
    assert (done.code, done.out) == (0, "")
    assert outputs()[: len(names)] == names
    count = len(outputs())
    assert done.err.splitlines()[-1].startswith(f"Batch: {count} done, 0 kept, 0 failed; ")
    assert len(read_manifest(Path("out/manifest.jsonl"))) == count


LIST = """\
# a list
photos/a.png

photos/b.png,styles/y.png,own/b.jpg
{"content": "photos/deep/a.png", "style": "styles/y.png", "size": 32, "output": "c.png"}
a,b,c,d
{"content": 3}
photos/a.png,styles/y.png
"""


def test_a_list(batch: Run) -> None:
    Path("list").write_text("\ufeff" + LIST.replace("# a list\n", "photos/b.png\r\n"))
    done = batch("--from-file", "list", *X)
    assert done.code == 3
    assert outputs() == ["a_x.png", "a_y.png", "b_x.png", "c.png", "own/b.jpg"]
    with Image.open("out/c.png") as image:
        assert image.size == (32, 24)
    told = [line for line in done.err.splitlines() if "error" in line]
    assert [line.partition(" is no job")[0] for line in told] == [
        "stylize: error: line 6",
        "stylize: error: line 7",
    ]
    assert "Batch: 5 done, 0 kept, 2 failed" in done.err


def test_a_list_on_standard_input(child: Run, photos: None, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/line\xe2\x80\xa8 \xff.png"
    shutil.copy(os.fsencode(tmp_path / "photos/a.png"), odd)
    done = child("batch", "--from-file", "-", *X, input=LIST.encode() + odd + b"\n")
    assert done.returncode == 3
    assert b"Batch: 5 done, 0 kept, 2 failed" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("photos", "-o", "out"), 2, "--style"),
        (("photos", "--style", "styles"), 2, "--output"),
        ((*X,), 4, "nothing to do"),
        (("empty", *X), 4, "no pictures in empty"),
        (("junk", *X), 4, "no pictures in junk"),
        (("none*.jpg", *X), 4, "no file matches none*.jpg"),
        (("--from-file", "none", *X), 4, "cannot read none: no such file"),
        (("--from-file", "junk", *X), 4, "cannot read junk: is a directory"),
        (("photos", "--style", "empty", "-o", "out"), 4, "no pictures in empty"),
        (("photos", *X, "--pair", "zip"), 2, "as many styles"),
        (("photos", *X, "--pair", "both"), 2, "--pair"),
        (("photos", *X, "--format", "jpgg"), 2, "'.jpg'"),
        (("photos", *X, "--skip-existing", "--overwrite"), 2, "exclude"),
        (("photos", *X, "--workers", "0"), 2, "--workers"),
        (("photos", *X, "--name", "../{content}"), 2, "leads out"),
        (("photos", *X, "--name", "/tmp/{content}"), 2, "leads out"),
        (("photos", *X, "--name", "a\n{content}"), 2, "control character"),
        (("photos", *X, "--name", "a\0{content}"), 2, "control character"),
        (("photos", *X, "--name", "{contnet}"), 2, "did you mean 'content'"),
        (("photos", *X, "--name", "same"), 2, "two pictures would be written to same.png"),
        (("photos", "--style", "styles/x.png", "-o", "junk/notes.txt"), 5, "manifest.jsonl"),
        (("photos", "--style", "styles/x.png", "-o", "photos/a.png/out"), 5, "manifest.jsonl"),
    ],
)
def test_refusals(batch: Run, tmp_path: Path, words: Any, code: int, told: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = batch(*words)
    assert (done.code, done.out) == (code, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("stylize: error: ") and told in last
    assert sorted(tmp_path.rglob("*")) == before


def test_one_unreadable_in_the_middle(batch: Run) -> None:
    Path("photos/ab.png").write_text("no picture")
    done = batch("photos", *X, "-q")
    assert (done.code, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stylize: error: cannot read photos/ab.png: ")
    assert outputs() == ["a_x.png", "b_x.png"]
    (record,) = [r for r in read_manifest(Path("out/manifest.jsonl")) if r["status"] == "failed"]
    assert (record["content"], record["output"], record["code"]) == (
        "photos/ab.png",
        "out/ab_x.png",
        4,
    )
    assert "Batch: 2 done, 0 kept, 1 failed" in batch("photos", *X, "--overwrite").err


def test_failing_fast(batch: Run) -> None:
    Path("photos/0.png").write_text("no picture")
    done = batch("photos", *X, "--fail-fast")
    assert done.code == 3 and "0 done, 0 kept, 1 failed, 2 left" in done.err
    assert outputs() == []


def test_the_report(batch: Run) -> None:
    Path("photos/b.png").write_text("no picture")
    done = batch("photos", *X, "--json")
    report = json.loads(done.out)
    assert [report[name] for name in ("done", "kept", "failed", "left")] == [1, 0, 1, 0]
    first, second = report["jobs"]
    assert (first["content"], first["styles"], first["output"], first["status"]) == (
        "photos/a.png",
        ["styles/x.png"],
        "out/a_x.png",
        "done",
    )
    assert first["recipe"]["content"]["name"] == "a.png" and first["seconds"] == 1.25
    assert (second["status"], second["code"]) == ("failed", 4)
    assert "Note: The fake core recovered from nothing." in done.err


def test_a_dry_run_lists(batch: Run) -> None:
    Path("list").write_text("photos/a.png\nphotos/b.png,styles/y.png,../b.png\n")
    done = batch("--from-file", "list", *X, "--dry-run")
    assert done.code == 3 and not Path("out").exists()
    assert done.err.splitlines() == [
        "photos/a.png in the style of styles/x.png -> out/a_x.png",
        "stylize: error: the output ../b.png leads out of the output folder.",
    ]
    plan = json.loads(batch("photos", *X, "--dry-run", "--json").out)
    assert plan["failures"] == [] and plan["jobs"][1] == {
        "content": "photos/b.png",
        "styles": ["styles/x.png"],
        "output": "out/b_x.png",
    }
    Path("photos/new\nline.png").touch()
    assert "photos/new\\nline.png in" in batch("photos", *X, "--dry-run").err


def test_existing_ones(batch: Run) -> None:
    assert batch("photos", *X).code == 0
    done = batch("photos", *X)
    assert done.code == 3 and done.err.count("exists already: add --skip-existing") == 2
    Path("out/b_x.png").unlink()
    before = Path("out/a_x.png").stat().st_mtime_ns
    assert "Batch: 1 done, 1 kept, 0 failed" in batch("photos", *X, "--skip-existing").err
    done = batch("photos", *X, "--skip-existing", "--seed", "1")
    assert done.code == 3 and done.err.count("made by another recipe: add --overwrite") == 2
    assert Path("out/a_x.png").stat().st_mtime_ns == before
    assert batch("photos", *X, "--overwrite", "--seed", "1").code == 0
    assert "2 kept" in batch("photos", *X, "--skip-existing", "--seed", "1").err


def test_a_folder_that_holds_its_own_outputs(batch: Run) -> None:
    words = ("photos", "-r", "--style", "styles/x.png", "-o", "photos/painted", "--skip-existing")
    assert "3 done" in batch(*words).err
    assert "0 done, 3 kept" in batch(*words).err


def test_ray_that_is_not_installed(batch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    done = batch("photos", *X, "--engine", "ray")
    assert done.code == 2 and 'pip install "ray>=' in done.err
    assert not Path("out").exists()


def test_pictures_are_those_of_single_runs(child: Run, photos: None, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "styles/x.png", tmp_path / "photos/b.png")
    options = ("--size", "48", "--iterations", "6")
    assert child("batch", "photos", *X, *options, real=True).returncode == 0
    single = child("photos/a.png", "styles/x.png", "-o", "a.png", *options, real=True)
    assert single.returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "out/a_x.png").read_bytes()


def test_what_a_folder_holds_besides_is_told(batch: Run) -> None:
    Path("photos/c.dng").touch()
    Path("photos/d.jfif").write_bytes(Path("photos/a.png").read_bytes())
    done = batch("photos", *X)
    assert done.code == 0 and outputs() == ["a_x.png", "b_x.png", "d_x.png"]
    assert "left out, no pictures by their names: 1 (1 .dng)" in done.err


def test_a_damaged_picture_is_taken_on_request(batch: Run) -> None:
    data = Path("photos/a.png").read_bytes()
    Path("photos/a.png").write_bytes(data[:-40])
    done = batch("photos/a.png", *X)
    assert done.code == 3 and "--accept-damaged takes what can be read" in done.err
    done = batch("photos/a.png", *X, "--accept-damaged")
    assert done.code == 0 and "a.png: what can be read was taken" in done.err
