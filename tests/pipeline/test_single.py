"""A job, from files to a file."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from stylecli import atomic
from stylecli.errors import InputError, MemoryLimitError, OutputError, UsageError
from stylecli.images.discovery import STREAM
from stylecli.images.embedded_text import read_recipe
from stylecli.images.formats import OutputOptions
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.job import Job
from stylecli.pipeline.single import run_job
from stylecli.provenance.recipe import parse_recipe
from stylecli.settings import Compute, Settings


@pytest.fixture
def job(content_path: Path, style_path: Path, tmp_path: Path, loaded: Any) -> Any:
    def make(**changes: Any) -> Job:
        given = {"content": content_path, "styles": (style_path,), "output": tmp_path / "out.png"}
        return Job(**{**given, **changes})

    return make


def test_the_core_gets_what_the_files_hold(
    core: Any, loaded: Any, job: Any, content: torch.Tensor, style: torch.Tensor
) -> None:
    settings = Settings(encoder="vgg19", pooling="average", padding="zeros")
    compute = Compute(device="cpu")
    heard: list[Any] = []
    core.iterations = 1
    run_job(job(settings=settings, compute=compute), callbacks=[heard.append])
    assert torch.allclose(core.asked["content"], content, atol=1 / 255)
    (given,) = core.asked["styles"]
    assert torch.allclose(given, style, atol=1 / 255)
    assert core.asked["settings"] is settings
    assert core.asked["compute"] is compute
    assert core.asked["encoder"] == "the encoder"
    (told,) = heard
    assert told.fraction == 0.25 and told.alpha() is None
    torch.testing.assert_close(told.image(), content, rtol=0, atol=1 / 255)
    assert core.asked["init_image"] is None
    ((arguments, keywords),) = loaded
    assert arguments == ("vgg19",)
    assert (keywords["pooling"], keywords["padding"]) == ("average", "zeros")
    assert keywords["download"] is False


@pytest.mark.parametrize("named", [True, False])
def test_only_an_encoder_named_by_hand_is_downloaded(
    core: Any, loaded: Any, job: Any, named: bool
) -> None:
    """Not one that a recipe, a settings file or a list names."""
    name = "torchvision-vgg19"
    downloadable = frozenset({name if named else "torchvision-vgg16"})
    run_job(job(settings=Settings(encoder=name), downloadable=downloadable))
    assert [keywords["download"] for _, keywords in loaded] == [named]


def test_the_picture_holds_its_recipe(core: Any, job: Any, tmp_path: Path) -> None:
    done = run_job(job(settings=Settings(seed=4)))
    text = read_recipe(tmp_path / "out.png")
    assert text is not None
    recipe = parse_recipe(text)
    assert recipe.to_dict() == done.recipe
    assert recipe.settings == Settings(seed=4, encoder="compact")
    assert recipe.content.sha256 == read_picture(tmp_path / "content.png").meta.sha256
    assert [style.name for style in recipe.styles] == ["style.png"]
    assert (recipe.size, recipe.iterations) == ((64, 48), 4)
    assert recipe.pyramid == ((0.42, 0.018), (0.43, 0.02), (None, 0.03))
    assert recipe.torch == torch.__version__
    assert str(tmp_path) not in text


def test_the_same_job_gives_the_same_bytes(core: Any, job: Any, tmp_path: Path) -> None:
    run_job(job())
    run_job(job(output=tmp_path / "again.png"))
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_init_is_read(core: Any, job: Any, tmp_path: Path, style: torch.Tensor) -> None:
    start = style[:, :36, :48]  # of the content's shape
    write_picture(tmp_path / "start.png", start)
    done = run_job(job(settings=Settings(init=str(tmp_path / "start.png"))))
    assert torch.allclose(core.asked["init_image"], start, atol=1 / 255)
    assert done.recipe["init"]["name"] == "start.png"


@pytest.mark.parametrize("size", [(48, 64), (24, 32), (96, 128)])
def test_alpha_dpi_are_kept(
    core: Any, job: Any, content: torch.Tensor, tmp_path: Path, size: tuple[int, int]
) -> None:
    alpha = numpy.zeros((48, 64), numpy.uint8)
    alpha[:, 32:] = 255
    rgb = (content * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(numpy.dstack([rgb, alpha])).save(tmp_path / "clear.png", dpi=(300, 300))
    core.image = torch.full((3, *size), 0.5)
    run_job(job(content=tmp_path / "clear.png"))
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (size[1], size[0])
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        written = numpy.asarray(image)[..., 3]
    quarter = size[1] // 4
    assert written[:, :quarter].max() == 0
    assert written[:, -quarter:].min() == 255


def test_notes_of_reading_running_and_writing(core: Any, job: Any, tmp_path: Path) -> None:
    done = run_job(job(output=tmp_path / "out.jpg", output_options=OutputOptions(bits=16)))
    assert done.notes[0] == "The fake core recovered from nothing."
    assert done.notes[1].startswith("out.jpg: JPEG")
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    done = run_job(job(content=tmp_path / "moving.gif"))
    assert done.notes[0].startswith("moving.gif: ")


def test_streams(core: Any, job: Any, content_path: Path, monkeypatch: Any) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(content_path.read_bytes()))
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stdout", stdout)
    run_job(job(content=STREAM, output=STREAM))
    with Image.open(stdout.buffer) as image:
        assert (image.format, image.size) == ("PNG", (64, 48))


def test_messages_come_before_the_waits(core: Any, job: Any) -> None:
    said: list[str] = []
    run_job(job(), on_message=said.append)
    assert said == ["Reading the pictures", "Loading encoder compact", "Stylizing"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory(core: Any, job: Any, tmp_path: Path, error: Exception) -> None:
    core.raises[1] = error
    with pytest.raises(MemoryLimitError, match="64 pixels: try size 32"):
        run_job(job())
    assert not (tmp_path / "out.png").exists()


def test_other_errors_pass(core: Any, job: Any) -> None:
    core.raises[1] = RuntimeError("something else")
    with pytest.raises(RuntimeError, match="something else"):
        run_job(job())


def test_what_killed_runs_left_is_removed(core: Any, job: Any, tmp_path: Path) -> None:
    left = tmp_path / f"{atomic._PREFIX}{atomic._host()}-999999999-abc.part"  # of no process
    left.touch()
    run_job(job())
    assert not left.exists() and (tmp_path / "out.png").exists()


def test_checks_come_first(core: Any, loaded: Any, job: Any, tmp_path: Path) -> None:
    (tmp_path / "out.png").touch()
    with pytest.raises(OutputError, match="exists already"):
        run_job(job())
    with pytest.raises(InputError, match="no such file"):
        run_job(job(content=tmp_path / "none.png"))
    with pytest.raises(UsageError, match="unknown layer 'relu3_9'"):
        run_job(job(settings=Settings(content_layers=(("relu3_9", 1.0),)), existing="overwrite"))
    assert loaded == []


def test_a_job_needs_a_style_and_one_stdin(job: Any) -> None:
    with pytest.raises(UsageError, match="at least one style"):
        job(styles=())
    with pytest.raises(UsageError, match="standard input"):
        job(content=STREAM, styles=(STREAM,))


def test_a_links_own_suffix_counts(content_path: Path, style_path: Path, tmp_path: Path) -> None:
    link = tmp_path / "x.jpg"
    link.symlink_to("target.bin")
    (tmp_path / "target.bin").touch()
    job = Job(
        content=content_path,
        styles=(style_path,),
        output=link,
        existing="overwrite",
        settings=Settings(iterations=1),
    )
    run_job(job)
    with Image.open(link) as image:
        assert (image.format, link.is_symlink()) == ("JPEG", True)
