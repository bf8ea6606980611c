"""The recipes for the shell in docs/batch.md do what they say; the core computes nothing."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.batch.manifest import read_manifest

HERE = Path(__file__).resolve()
PAGE = HERE.parents[2] / "docs" / "batch.md"
FAKE = HERE.with_name("fake_program.py")
PHOTOS = ("a", "b c")


def recipes() -> list[str]:
    """The blocks of code below "In the shell", in order."""
    section = re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith("In the shell\n")]
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, flags=re.MULTILINE)
    return ["".join(line[4:] for line in block.strip("\n").splitlines(True)) for block in blocks]


@pytest.fixture
def here(tmp_path: Path, content_path: Path, style_path: Path, monkeypatch: Any) -> Path:
    """Photos, a style, and `stylize` first in the path."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "stylize"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "photos").mkdir()
    with Image.open(content_path) as image:
        for name in ("photo", *(f"photos/{name}" for name in PHOTOS)):
            image.save(tmp_path / f"{name}.jpg")
    with Image.open(style_path) as image:
        image.save(tmp_path / "night.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recipe(words: str) -> str:
    (found,) = [block for block in recipes() if words in block]
    return found


def run(script: str, *tools: str) -> subprocess.CompletedProcess[str]:
    for tool in ("sh", *tools):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=300)
    assert not [path for path in Path().rglob(".*") if path.suffix == ".part"]
    return done


def check(*names: str) -> None:
    """Whole pictures of these names, and no others."""
    for name in names:
        with Image.open(name) as image:
            image.load()
            assert (image.format, image.size) == ("PNG", (64, 48))
    assert sorted(map(str, Path().rglob("*.png"))) == sorted((*names, "content.png", "style.png"))


def test_there_are_five() -> None:
    assert len(recipes()) == 5
    assert all("stylize" in block for block in recipes())


def test_a_loop(here: Path) -> None:
    done = run(recipe("for photo in"), "basename")
    assert (done.returncode, done.stderr) == (0, "")
    check(*(f"painted/{name}.png" for name in PHOTOS))


def test_a_loop_ends_at_the_first_signal(here: Path) -> None:
    (here / "bin" / "stylize").write_text("#!/bin/sh\necho begun >> count\nkill -INT $$\n")
    run(recipe("for photo in"), "basename")
    assert (here / "count").read_text() == "begun\n"


def test_names_of_any_kind(here: Path) -> None:
    odd = ("-o two\nlines ' \" $HOME `id` \\ ü*?",)
    for name in odd:
        shutil.copy("photos/a.jpg", f"photos/{name}.jpg")
    done = run(recipe("-print0"), "find", "xargs")
    assert (done.returncode, done.stderr) == (0, "")
    check(*(f"photos/{name}.jpg.png" for name in (*PHOTOS, *odd)))


def test_several_processes_in_one_folder(here: Path) -> None:
    done = run(recipe("xargs -P 2"), "xargs")
    assert (done.returncode, done.stderr) == (0, "")
    names = [f"painted/{name}_night.png" for name in PHOTOS]
    check(*names)
    recorded = [
        (line["status"], line["output"]) for line in read_manifest(Path("painted/manifest.jsonl"))
    ]
    assert sorted(recorded) == [("done", name) for name in names]


def test_several_processes_for_one_picture(here: Path) -> None:
    """Whoever comes first makes it; the others say that it is there."""
    words = "stylize batch photos --style night.jpg -o painted -q --skip-existing"
    done = run(" & ".join([words] * 2) + " & wait")
    assert "Traceback" not in done.stderr and "unexpected" not in done.stderr
    check(*(f"painted/{name}_night.png" for name in PHOTOS))


def test_a_pipe(here: Path) -> None:
    done = run(recipe("| file"), "file")
    assert done.returncode == 0
    assert "PNG image data, 64 x 48" in done.stdout and done.stderr == ""


def test_a_makefile(here: Path) -> None:
    Path("Makefile").write_text(recipe("painted/%.png"))

    def make() -> bool:
        done = run("make painted/a.png", "make")
        assert (done.returncode, done.stderr) == (0, "")
        return "stylize" in done.stdout

    assert make()
    check("painted/a.png")
    assert not make()
    for source in ("photos/a.jpg", "night.jpg"):
        for name, age in (("photos/a.jpg", 90), ("night.jpg", 90), ("painted/a.png", 60)):
            os.utime(name, (time.time() - age,) * 2)
        os.utime(source, (time.time() - 30,) * 2)
        assert make()
    assert not make()
