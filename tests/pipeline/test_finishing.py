"""Finishing: one step for what is written, shown and measured."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.images import color_transfer
from stylecli.images.formats import OutputOptions
from stylecli.images.picture import Metadata, Picture
from stylecli.images.reading import read_picture
from stylecli.job import Job
from stylecli.monitor.frames import FrameFolder
from stylecli.pipeline.finishing import Finishing
from stylecli.pipeline.measure import Meter
from stylecli.pipeline.session import Session
from stylecli.settings import Color, Settings
from stylecli.transfer.resample import resize
from stylecli.transfer.results import Losses, Progress


def opaque(pixels: torch.Tensor) -> Picture:
    return Picture(pixels=pixels, alpha=None, meta=Metadata())


def noise(*size: int) -> torch.Tensor:
    return torch.rand(3, *size, generator=torch.Generator().manual_seed(0))


def finished(
    color: Color, image: torch.Tensor, content: Picture, free: torch.Tensor | None = None
) -> torch.Tensor:
    return Finishing(Settings(color=color), content, free).picture(image)


@pytest.mark.parametrize("color", ["style", "match"])
def test_a_finished_image_keeps_its_colors(content: torch.Tensor, color: Color) -> None:
    image = noise(12, 16)
    assert finished(color, image, opaque(content)) is image


def test_a_finished_image_takes_the_contents_colors(content: torch.Tensor) -> None:
    """Of another size than the content."""
    image, small = noise(24, 32), resize(content[None], (24, 32))[0]
    found = finished("content", image, opaque(content))
    assert torch.equal(found, color_transfer.transfer_luminance(image, small))
    found = finished("histogram", image, opaque(content))
    assert torch.equal(found, color_transfer.match_histograms(image, small))


def test_a_protected_part_is_not_recolored(content: torch.Tensor) -> None:
    free = torch.zeros(1, 48, 64)
    free[..., 32:] = 1.0
    image = torch.lerp(content, noise(48, 64), free)
    found = finished("histogram", image, opaque(content), free)
    assert torch.equal(found[..., :32], content[..., :32])
    right = color_transfer.match_histograms(image[..., 32:], content[..., 32:])
    torch.testing.assert_close(found[..., 32:], right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("color", ["histogram", "content"])
def test_colors_come_from_what_is_seen(content: torch.Tensor, color: Color) -> None:
    alpha, image = torch.ones(1, 48, 64), noise(48, 64)
    alpha[..., 40:] = 0.0
    other = content.clone()
    other[..., 40:] = 0.0
    one, two = (
        finished(color, image, Picture(pixels=pixels, alpha=alpha, meta=Metadata()))
        for pixels in (content, other)
    )
    assert torch.equal(one[..., :40], two[..., :40])


@pytest.fixture
def clear(content: torch.Tensor, tmp_path: Path) -> Path:
    """The content, of which the left half is transparent."""
    planes = torch.cat([content, torch.ones(1, 48, 64)])
    planes[3, :, :32] = 0.0
    array = (planes * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(array).save(tmp_path / "clear.png")
    return tmp_path / "clear.png"


def done_with(job: Job, core: Any, image: torch.Tensor, folder: Path) -> Session:
    """A run that reports one iteration, whose image is the result's, to a folder of frames."""
    core.image, core.iterations = image, 0
    session = Session()
    prepared = session.prepare(job)
    frames = FrameFolder(folder, 1)
    (result,) = session.make([prepared], on_progress=frames)
    height, width = image.shape[-2:]
    losses = Losses(1.0, 0.5, 0.1)
    core.asked["on_progress"](
        Progress(1, 1, width, height, 1, 1, 1.0, losses, lambda _=0: image.clone())
    )
    session.deliver(prepared, result)
    session.measure(prepared, result)
    return session


@pytest.mark.parametrize("color", ["style", "content", "histogram"])
@pytest.mark.parametrize("keep", [True, False])
def test_frames_and_distances_are_the_final_pictures(
    core: Any,
    loaded: Any,
    clear: Path,
    style_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    color: Color,
    keep: bool,
) -> None:
    measured: list[torch.Tensor] = []
    monkeypatch.setattr(Meter, "measure", lambda *given: measured.append(given[-1]))
    job = Job(
        content=clear,
        styles=(style_path,),
        output=tmp_path / "out.png",
        settings=Settings(color=color),
        output_options=OutputOptions(keep_alpha=keep),
    )
    done_with(job, core, noise(24, 32), tmp_path / "frames")
    written = read_picture(tmp_path / "out.png")
    frame = read_picture(next((tmp_path / "frames").iterdir()))
    assert torch.equal(frame.pixels, written.pixels)
    torch.testing.assert_close(measured[0], written.planes, rtol=0, atol=0.51 / 255)
    if keep:
        assert written.alpha is not None and frame.alpha is not None
        assert torch.equal(frame.alpha, written.alpha)
    else:
        assert written.alpha is None and frame.alpha is None


def test_opaque_outputs_are_laid_on_white_in_every_format(
    core: Any, loaded: Any, clear: Path, style_path: Path, tmp_path: Path
) -> None:
    """A hidden color of the content is not shown by leaving out its alpha."""
    options = OutputOptions(keep_alpha=False, quality=100)
    found = []
    for name in ("out.png", "out.jpg"):
        job = Job(
            content=clear, styles=(style_path,), output=tmp_path / name, output_options=options
        )
        done_with(job, core, torch.full((3, 48, 64), 0.25), tmp_path / f"{name}.frames")
        found.append(read_picture(tmp_path / name).pixels)
    assert torch.equal(found[0][..., :32], torch.ones(3, 48, 32))
    torch.testing.assert_close(found[0][..., 32:], torch.full((3, 48, 32), 0.25), rtol=0, atol=0.01)
    torch.testing.assert_close(*found, rtol=0, atol=0.03)
