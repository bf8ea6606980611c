"""The wheel and the source archive hold what they must, and nothing that is made on the way."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from stylecli import __version__
from stylecli.encoder.registry import ENCODERS

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = f"stylecli/encoder/weights/{ENCODERS['compact'].file_name}"
BUILD = (
    "import sys, setuptools.build_meta as backend\n"
    "getattr(backend, f'build_{sys.argv[1]}')(sys.argv[2])"
)
IN_PACKAGE = (
    "stylecli/py.typed",
    WEIGHTS,
    "stylecli/encoder/weights/MODEL_CARD.md",
    "stylecli/monitor/watch.html",
    "stylecli/monitor/watch.css",
    "stylecli/monitor/watch.js",
    "stylecli/sweep/sweep.html",
)


def build(kind: str, source: Path, target: Path) -> None:
    """Run setuptools' own backend, as pip does, but without an environment to be downloaded."""
    command = [sys.executable, "-c", BUILD, kind, str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=300)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both archives, the wheel built from the unpacked source archive.

    `DIST` names a folder to leave them in.
    """
    pytest.importorskip("setuptools", "77")
    folder = tmp_path_factory.mktemp("archives")
    checkout, unpacked = folder / "checkout", folder / "unpacked"
    ignored = shutil.ignore_patterns(".*", "out", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    shutil.copy(ROOT / ".dockerignore", checkout)
    target = (ROOT / os.environ["DIST"]) if "DIST" in os.environ else folder / "dist"
    target.mkdir(exist_ok=True)
    build("sdist", checkout, target)
    with tarfile.open(next(target.glob("*.tar.gz"))) as archive:
        archive.extractall(unpacked, filter="data")
    build("wheel", next(unpacked.iterdir()), target)
    return target


@pytest.fixture(scope="module")
def wheel(target: Path) -> Mapping[str, int]:
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


@pytest.fixture(scope="module")
def sdist(target: Path) -> Mapping[str, int]:
    (path,) = target.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    return {member.name.partition("/")[2]: member.size for member in members if member.isfile()}


def modules() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "stylecli").rglob("*.py")}


def test_the_wheel_is_the_package_alone(wheel: Mapping[str, int]) -> None:
    assert modules() | set(IN_PACKAGE) <= wheel.keys()
    folders = {name.partition("/")[0] for name in wheel}
    assert folders == {"stylecli", f"stylecli-{__version__}.dist-info"}
    assert not [name for name in wheel if "__pycache__" in name]
    assert wheel[WEIGHTS] == ENCODERS["compact"].size


def test_the_wheel_says_what_it_is(target: Path, wheel: Mapping[str, int]) -> None:
    info = f"stylecli-{__version__}.dist-info"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/{IN_PACKAGE[2]}"} <= wheel.keys()
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        text = archive.read(f"{info}/METADATA").decode()
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    for line in (
        f"Version: {__version__}",
        "License-Expression: MIT AND CC-BY-4.0",
        "Author: the stylecli contributors",
        "Description-Content-Type: text/markdown",
    ):
        assert re.search(rf"^{re.escape(line)}$", text, re.MULTILINE), line
    assert "stylize = stylecli.cli.app:main" in scripts


def test_the_source_archive_is_a_whole_checkout(sdist: Mapping[str, int]) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tracked = {line for line in listed.stdout.splitlines() if (ROOT / line).is_file()}
    left_out = {name for name in tracked - sdist.keys() if not name.startswith((".ci/", ".git"))}
    assert left_out == set()
    assert not [name for name in sdist if "__pycache__" in name or name.startswith(("out/", "."))
                if name != ".dockerignore"]  # fmt: skip
