"""Pictures from the middle of a run: folders, animations, and a preview that is always whole."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.errors import OutputError, UsageError
from stylecli.images.reading import read_picture
from stylecli.monitor.frames import LONGEST, MILLISECONDS, REST, Animation, FrameFolder
from stylecli.monitor.preview import Preview
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Progress

from .conftest import names, run, step

KINDS = [".webp", ".gif", ".GIF"]


def frames_in(image: Image.Image) -> int:
    return int(getattr(image, "n_frames"))  # noqa: B009 (of some formats alone)


def times_of(path: Path) -> list[int]:
    times = []
    with Image.open(path) as image:
        for index in range(frames_in(image)):
            image.seek(index)
            image.load()
            times.append(image.info["duration"])
    return times


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (3, ["0001_16x12_00003.png", "0002_32x24_00006.png", "0003_32x24_00009.png"]),
        (5, ["0001_16x12_00005.png", "0002_32x24_00010.png"]),
        (11, []),
    ],
)
def test_a_folder(tmp_path: Path, every: int, expected: list[str]) -> None:
    frames = FrameFolder(tmp_path / "new" / "steps", every)
    run(frames)
    assert frames.written == len(expected)
    if expected:
        assert names(tmp_path / "new" / "steps") == expected
    for name in expected:
        picture = read_picture(tmp_path / "new" / "steps" / name).pixels
        number = int(name[-9:-4])
        assert f"{picture.shape[2]}x{picture.shape[1]}" == name[5:10]
        assert torch.allclose(picture, torch.full_like(picture, number / 20), atol=1 / 255)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("a file")
    with pytest.raises(OutputError, match="cannot write"):
        run(FrameFolder(tmp_path / "steps", 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("every", "count"), [(1, 10), (3, 3), (10, 1)])
def test_an_animation(tmp_path: Path, kind: str, every: int, count: int) -> None:
    path = tmp_path / f"moving{kind}"
    frames = Animation(path, every)
    run(frames)
    assert not path.exists()
    frames.close()
    with Image.open(path) as image:
        assert image.format == kind[1:].upper()
        assert getattr(image, "n_frames", 1) == count
        assert count == 1 or image.info["loop"] == 0  # for ever
        for index in range(count):
            image.seek(index)
            image.load()
            assert image.size == (32, 24)
            gray = np.asarray(image.convert("RGB"))[12, 16].astype(int)
            assert all(abs(value - 255 * every * (index + 1) / 20) < 6 for value in gray)
    if count > 1:
        assert times_of(path) == [MILLISECONDS] * (count - 1) + [REST]


@pytest.mark.parametrize("kind", KINDS[:2])
def test_pictures_alike_are_one_that_is_shown_longer(tmp_path: Path, kind: str) -> None:
    frames = Animation(tmp_path / f"still{kind}", 1)
    for number in (2, 2, 9, 9, 9, 15):
        frames(step(number))
    frames.close()
    times = [2 * MILLISECONDS, 3 * MILLISECONDS, REST]
    assert times_of(tmp_path / f"still{kind}") == times


@pytest.mark.parametrize("kind", KINDS[:2])
def test_long_pictures_are_made_smaller(tmp_path: Path, kind: str) -> None:
    frames = Animation(tmp_path / f"long{kind}", 1)
    frames(step(1, 1100, 8))
    frames(step(9, 2200, 16))
    frames.close()
    with Image.open(tmp_path / f"long{kind}") as image:
        assert (image.size, frames_in(image)) == ((LONGEST, 7), 2)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_the_last_picture_is_always_a_frame(tmp_path: Path, kind: str) -> None:
    frames = Animation(tmp_path / f"one{kind}", 99)
    run(frames)
    frames(step(11, last=True))
    frames.close()
    with Image.open(tmp_path / f"one{kind}") as image:
        assert frames_in(image) == 1
    Animation(tmp_path / f"none{kind}", 11).close()
    assert names(tmp_path) == [f"one{kind}"]


@pytest.mark.parametrize("name", ["moving.mp4", "moving", "moving.png"])
def test_no_animation(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is no animation: use one of \.webp, \.gif, or a folder"):
        Animation(tmp_path / name, 1)


def test_an_animation_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "moving.gif").mkdir()
    frames = Animation(tmp_path / "moving.gif", 1)
    run(frames)
    with pytest.raises(OutputError, match="it is a folder"):
        frames.close()


def test_a_real_run(tmp_path: Path, content: torch.Tensor, style: torch.Tensor) -> None:
    folder, moving = FrameFolder(tmp_path / "steps", 2), Animation(tmp_path / "m.webp", 1)
    preview = Preview(tmp_path / "p.png", every=1e9)

    def tell(progress: Progress) -> None:
        for listener in (folder, moving, preview):
            listener(progress)

    settings = Settings(size=192, iterations=6)
    result = stylize(content[:, 12:36], style, settings=settings, on_progress=tell)
    moving.close()
    frames = ["0001_96x36_00002.png", "0002_192x72_00004.png", "0003_192x72_00006.png"]
    assert names(tmp_path / "steps") == frames
    with Image.open(tmp_path / "m.webp") as image:
        assert image.size == (192, 72)
    assert sum(times_of(tmp_path / "m.webp")) == 5 * MILLISECONDS + REST
    for path in (tmp_path / "steps" / frames[-1], tmp_path / "p.png"):
        assert torch.allclose(read_picture(path).pixels, result.image, atol=0.51 / 255)


def clear_step(number: int, last: bool = False) -> Progress:
    """An iteration whose picture is transparent on the left."""
    alpha = torch.ones(1, 24, 32)
    alpha[..., :16] = 0.0
    return dataclasses.replace(step(number, last=last), alpha=lambda: alpha)


def test_transparency_is_kept_or_laid_on_white(tmp_path: Path) -> None:
    listeners: list[Any] = [
        FrameFolder(tmp_path / "frames", 1),
        Preview(tmp_path / "now.jpg"),
        *(animations := [Animation(tmp_path / f"moving{kind}", 1) for kind in (".webp", ".gif")]),
    ]
    for listener in listeners:
        for number in (2, 4):
            listener(clear_step(number, last=number == 4))
    for animation in animations:
        animation.close()
    frame = read_picture(next((tmp_path / "frames").iterdir()))
    assert frame.alpha is not None and float(frame.alpha[..., :16].max()) == 0.0
    for name in ("now.jpg", "moving.gif", "moving.webp"):
        with Image.open(tmp_path / name) as image:
            assert min(image.convert("RGB").getpixel((4, 12))) > 250  # type: ignore[arg-type]
