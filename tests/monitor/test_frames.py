"""Pictures from the middle of a run: folders, animations, and a preview that is always whole."""

import dataclasses
import threading
from collections.abc import Callable
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
from stylecli.transfer.results import Losses, Progress

KINDS = [".webp", ".gif", ".GIF"]


def step(number: int, width: int = 32, height: int = 24, last: bool = False) -> Progress:
    """An iteration whose picture is of one gray, lighter each time."""
    scale = (2, 2, width, height, number, number if last else 99)
    losses = Losses(1.0, 0.5, 0.1)
    return Progress(
        *scale, 0.5, losses, lambda: torch.full((3, height, width), min(1.0, number / 20))
    )


def run(listener: Callable[[Progress], None], iterations: int = 10) -> None:
    """Half of the iterations at half of the size, as a real run has it."""
    for number in range(1, iterations + 1):
        size = (16, 12) if number <= iterations // 2 else (32, 24)
        listener(step(number, *size))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_preview_is_always_a_whole_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.preview.{suffix}"
    preview, over = Preview(path, every=0.0), threading.Event()
    seen: list[tuple[int, int]] = []
    problems: list[Exception] = []

    def look() -> None:
        while not over.is_set():
            try:
                with Image.open(path) as image:
                    image.load()
                    seen.append(image.size)
            except FileNotFoundError:
                continue  # before the first
            except Exception as error:
                problems.append(error)

    viewer = threading.Thread(target=look)
    viewer.start()
    try:
        for _ in range(4):
            run(preview)
    finally:
        over.set()
        viewer.join()
    assert problems == []
    assert set(seen) <= {(16, 12), (32, 24)} and seen
    assert names(tmp_path) == [path.name]


def test_a_preview_comes_first_last_and_in_time(tmp_path: Path, monkeypatch: Any) -> None:
    now, written = [0.0], []
    monkeypatch.setattr("stylecli.monitor.preview.time.monotonic", lambda: now[0])
    preview = Preview(tmp_path / "p.png", every=2.0)
    for number in range(1, 9):
        now[0] = number * 0.9
        before = preview.written
        preview(step(number, last=number == 8))
        if preview.written != before:
            written.append(number)
    assert written == [1, 4, 7, 8]


def test_a_preview_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a preview is one of .png, .jpg"):
        Preview(tmp_path / "out.gif")
    (tmp_path / "out.jpg").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        Preview(tmp_path / "out.jpg")(step(1))


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
