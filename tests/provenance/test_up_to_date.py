"""Whether a picture is there already: complete, and by the same recipe."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylecli.job import Job
from stylecli.pipeline.single import run_job
from stylecli.provenance import up_to_date
from stylecli.provenance.hashing import Digests
from stylecli.provenance.up_to_date import complete_recipe, is_torn, recipe_at
from stylecli.settings import Compute, Settings

from .conftest import counted

FAST = Settings(size=32, iterations=1)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(tmp_path: Path, content_path: Path, style_path: Path) -> Job:
    """A job whose picture is there."""
    job = Job(
        content=content_path, styles=(style_path,), output=tmp_path / "out.png", settings=FAST
    )
    run_job(job)
    return job


def is_there(job: Job) -> bool:
    return complete_recipe(job, Digests()) is not None


def test_the_picture_of_a_job(job: Job) -> None:
    recipe = complete_recipe(job, Digests())
    assert recipe is not None and recipe == recipe_at(job.output)
    assert recipe.settings == replace(FAST, encoder="compact")
    assert not is_torn(job.output)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".avif"])
def test_formats(job: Job, suffix: str) -> None:
    other = replace(job, output=job.output.with_suffix(suffix))
    assert not is_there(other)
    run_job(other)
    assert is_there(other)


def test_what_plays_no_part(job: Job, tmp_path: Path) -> None:
    shutil.copy(job.content, tmp_path / "renamed.png")
    assert is_there(replace(job, content=tmp_path / "renamed.png"))
    assert is_there(
        replace(job, compute=Compute(device="cpu", max_memory="2G"), existing="overwrite")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"size": 33},
        {"iterations": 2},
        {"strength": 0.5},
        {"octaves": 2},
        {"init": "content"},
        {"encoder": "vgg19"},
        {"encoder": "unknown"},
        {"encoder": "./none.safetensors"},
        {"init": "none.png"},
    ],
)
def test_other_settings(job: Job, changes: Any) -> None:
    assert not is_there(replace(job, settings=replace(FAST, **changes)))


@pytest.mark.parametrize("which", ["content", "style"])
def test_another_input_of_the_same_name(job: Job, which: str) -> None:
    path = {"content": job.content, "style": job.styles[0]}[which]
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(path)
    assert not is_there(job)
    path.unlink()
    assert not is_there(job)


def test_other_roles(job: Job, tmp_path: Path) -> None:
    (style,) = job.styles
    assert not is_there(replace(job, content=style, styles=(job.content,)))
    assert not is_there(replace(job, styles=(style, style)))
    assert not is_there(replace(job, mask=style))
    assert not is_there(replace(job, mask=style, style_masks=(style,)))


def test_a_picture_to_start_from(job: Job, tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    shutil.copy(job.content, start)
    settings = replace(FAST, init=str(start))
    other = replace(job, settings=settings, output=tmp_path / "other.png")
    run_job(other)
    assert is_there(other) and not is_there(replace(other, settings=FAST))
    shutil.copy(job.styles[0], start)
    assert not is_there(other)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_cut_short(job: Job, suffix: str) -> None:
    torn = replace(job, output=job.output.with_suffix(suffix), existing="overwrite")
    run_job(torn)
    data = torn.output.read_bytes()
    torn.output.write_bytes(data[: -len(data) // 4])
    assert not is_there(torn)
    torn.output.write_bytes(b"")
    assert not is_there(torn)


def test_torn_is_a_picture_of_ours_without_its_end(job: Job, tmp_path: Path) -> None:
    data = job.output.read_bytes()
    job.output.write_bytes(data[:-200])
    assert is_torn(job.output)
    shutil.copy(job.content, job.output)
    assert not is_torn(job.output)  # somebody else's
    job.output.write_bytes(job.content.read_bytes()[:-200])
    assert not is_torn(job.output)
    for other in (b"", b"text", data[:40]):
        job.output.write_bytes(other)
        assert not is_torn(job.output)
    assert not is_torn(tmp_path) and not is_torn(tmp_path / "none.png")


def test_what_is_no_picture_of_ours(job: Job, tmp_path: Path) -> None:
    shutil.copy(job.content, job.output)
    assert recipe_at(job.output) is None
    job.output.write_text("no picture")
    assert recipe_at(job.output) is None
    for name in (tmp_path, tmp_path / "none.png", tmp_path / ("x" * 300), Path("a\0b")):
        assert recipe_at(name) is None
    os.mkfifo(tmp_path / "pipe.png")
    assert recipe_at(tmp_path / "pipe.png") is None


def test_a_recipe_of_another_format(job: Job) -> None:
    with Image.open(job.output) as image:
        text = image.text["stylecli"]  # type: ignore[attr-defined]
        picture = image.copy()
    info = PngInfo()
    info.add_itxt("stylecli", text.replace('"format": 1', '"format": 99'))
    picture.save(job.output, pnginfo=info)
    assert not is_there(job)


def test_a_picture_of_another_recipe_is_not_decoded(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = counted(monkeypatch, up_to_date, "read_picture")
    assert not is_there(replace(job, settings=replace(FAST, seed=1)))
    assert decoded == []
    assert is_there(job)
    assert decoded == [job.output]
