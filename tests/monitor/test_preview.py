"""A preview that is always a whole picture."""

import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.errors import OutputError, UsageError
from stylecli.monitor.preview import Preview

from .conftest import names, run, step


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
