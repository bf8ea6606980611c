"""The program with a fake core, and helpers of other rooms' tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stylecli.encoder import loading
from stylecli.encoder.loading import load_encoder

from ..cli.conftest import _child_finds_the_package, child, fake_core, run, stylize
from ..encoder.conftest import narrow_plan, published, server, state
from ..images.conftest import cmyk_profile, encode, make_profile, png16, tiff16
from .nursery import Nursery

__all__ = [
    "_child_finds_the_package",
    "child",
    "cmyk_profile",
    "encode",
    "fake_core",
    "make_profile",
    "narrow_plan",
    "png16",
    "published",
    "run",
    "server",
    "state",
    "stylize",
    "tiff16",
]


@pytest.fixture(scope="module")
def fake() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Nursery]:
    nursery = Nursery(real=True)
    yield nursery
    nursery.close()


@pytest.fixture
def folder(content_path: Path, style_path: Path) -> Path:
    """Where the runs are at home: two pictures, and nothing else."""
    (folder := content_path.parent / "runs").mkdir()
    for path in (content_path, style_path):
        path.rename(folder / path.name)
    return folder


@pytest.fixture
def refused_with(
    stylize: Any, content_path: Path, style_path: Path, tmp_path: Path, monkeypatch: Any
) -> Callable[[object], str]:
    """A run with some encoder and a core that is not reached; what it says when it is refused."""
    monkeypatch.setattr(loading, "load_encoder", load_encoder)

    def run(name: object) -> str:
        done = stylize(content_path, style_path, "-o", tmp_path / "out.png", "--encoder", name)
        errors = [line for line in done.err.splitlines() if line.startswith("stylize:")]
        assert (done.code, len(errors)) == (6, 1), done.err
        assert errors[0].startswith("stylize: error: ") and "Traceback" not in done.err
        assert not (tmp_path / "out.png").exists()
        return str(errors[0])

    return run
