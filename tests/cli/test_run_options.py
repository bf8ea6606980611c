"""What happens while a run goes on, and what lies beside its picture afterwards."""

import csv
import functools
import http.client
import json
import socket
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.cli.progress import Screen
from stylecli.images.reading import read_picture
from stylecli.monitor.loopback_server import ADDRESS

from .conftest import Run


@pytest.fixture
def paint(run: Run, content_path: Path, style_path: Path) -> Run:
    """Four iterations of the real core on small pictures, and what they print."""
    options = ("-o", "out.png", "--iterations", "4", "--device", "cpu")
    return functools.partial(run, "content.png", "style.png", *options)


def fetch(url: str) -> bytes:
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=30)
    try:
        connection.request("GET", place.path)
        return connection.getresponse().read()
    finally:
        connection.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"content.png", "style.png"}


def refused(paint: Run, folder: Path, code: int, *arguments: object) -> str:
    """The sentence of a refusal that comes before any work."""
    before = names(folder)
    found, out, err = paint(*arguments)
    last = err.splitlines()[-1]
    assert (found, out) == (code, "")
    assert last.startswith("stylize: error: ") and "Reading the pictures" not in err
    assert names(folder) == before
    return last


def test_nothing_but_the_picture(paint: Run, tmp_path: Path) -> None:
    code, out, err = paint()
    assert (code, out) == (0, ""), err
    assert names(tmp_path) == {"out.png"}


def test_steps_in_a_folder(paint: Run, tmp_path: Path) -> None:
    assert paint("--save-every", 2)[0] == 0
    assert names(tmp_path) == {"out.png", "out-steps"}
    expected = {"0001_64x48_00002.png", "0002_64x48_00004.png"}
    assert names(tmp_path / "out-steps") == expected
    last = read_picture(tmp_path / "out-steps" / "0002_64x48_00004.png").pixels
    assert torch.equal(last, read_picture(tmp_path / "out.png").pixels)
    assert paint("--save-every", 3, "--save-to", "kept/here", "--force")[0] == 0
    assert names(tmp_path / "kept" / "here") == {"0001_64x48_00003.png"}


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_steps_as_an_animation(paint: Run, tmp_path: Path, kind: str) -> None:
    assert paint("--save-every", 1, "--save-to", f"moving.{kind}")[0] == 0
    with Image.open(tmp_path / f"moving.{kind}") as image:
        assert (image.format, image.size) == (kind.upper(), (64, 48))
        assert getattr(image, "is_animated")  # noqa: B009 (of some formats alone)


def test_more_steps_than_there_are_iterations(paint: Run, tmp_path: Path) -> None:
    assert paint("--save-every", 5, "--save-to", "moving.gif")[0] == 0
    assert {"out.png", "moving.gif"} <= names(tmp_path)  # the last picture at least


@pytest.mark.parametrize(
    ("option", "name"),
    [("--plot", "content.png"), ("--save-recipe", "style.png"), ("--plot", "out.png")],
)
def test_no_input_and_no_output_is_overwritten(
    paint: Run, tmp_path: Path, option: str, name: str
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, _, err = paint(option, name, "--force")
    assert code == 5
    assert "is also an input" in err or "would be written twice" in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "options",
    [
        ("--plot", "kept.png"),
        ("--save-recipe", "kept.toml"),
        ("--save-every", 2, "--save-to", "kept.gif"),
        ("--save-every", 2, "--save-to", "kept"),
    ],
)
def test_what_is_there_is_kept_unless_forced(paint: Run, tmp_path: Path, options: Any) -> None:
    path = tmp_path / options[-1]
    if path.suffix:
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine").write_text("mine")
    code, _, err = paint(*options)
    assert (code, "exists already: add --force" in err) == (5, True)
    assert not (tmp_path / "out.png").exists()
    assert paint(*options, "--force")[0] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--save-to", "x.mp4", "--save-every", 2), "use a folder, or an animation"),
        (("--save-to", "x"), "needs --save-every"),
        (("--save-every", 2, "-o", "-"), "has no folder"),
        (("--preview", "-o", "-"), "has no folder"),
    ],
)
def test_what_has_no_place(paint: Run, options: Any, words: str) -> None:
    code, _, err = paint(*options)
    assert (code, words in err) == (2, True), err


def test_a_preview(paint: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    preview = tmp_path / "out.png.preview.jpg"
    monkeypatch.setattr(Screen, "step", lambda *_: seen.append(preview.exists()))
    assert paint("--preview")[0] == 0
    assert seen == [False, True, True, True]
    with Image.open(preview) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
    near = read_picture(preview).pixels - read_picture(tmp_path / "out.png").pixels
    assert near.abs().mean() < 0.05


def test_losses_of_every_kind(paint: Run, tmp_path: Path) -> None:
    code, out, _ = paint("--plot", "a.csv", "--plot", "a.jsonl", "--plot", "sub/a.png", "--json")
    assert code == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(rows) == len(lines) == 4
    for row, line in zip(rows, lines, strict=True):
        assert {name: float(value) for name, value in row.items()} == line
    totals = [line["total"] for line in lines]
    assert json.loads(out)["losses"]["total"] == min(totals)
    with Image.open(tmp_path / "sub" / "a.png") as image:
        image.load()


def test_settings_are_saved(paint: Run, tmp_path: Path) -> None:
    assert paint("--save-recipe", "new/mine.toml", "--seed", 3)[0] == 0
    text = (tmp_path / "new" / "mine.toml").read_text()
    assert "seed = 3\n" in text and "iterations = 4\n" in text
    first = (tmp_path / "out.png").read_bytes()
    assert paint("--config", "new/mine.toml", "--force")[0] == 0
    assert (tmp_path / "out.png").read_bytes() == first


def test_the_page_is_there_during_the_run_alone(paint: Run, monkeypatch: Any) -> None:
    answers: list[Any] = []
    said: list[str] = []
    real = Screen.say

    def say(screen: Screen, text: str, *, always: bool = False) -> None:
        said.append(text)
        real(screen, text, always=always)

    def step(*_: object) -> None:
        (url,) = [text.removeprefix("Watch it at ") for text in said if "Watch it" in text]
        answers.append((url, json.loads(fetch(f"{url}state.json"))))

    monkeypatch.setattr(Screen, "say", say)
    monkeypatch.setattr(Screen, "step", step)
    code, _, err = paint("--watch")
    assert code == 0, err
    assert [len(state["losses"]) for _, state in answers] == [0, 1, 2, 3]
    url = answers[0][0]
    assert url.startswith(f"http://{ADDRESS}:")
    with pytest.raises(ConnectionRefusedError):
        fetch(url)


def test_the_page_at_a_port_of_choice(paint: Run, tmp_path: Path) -> None:
    with socket.create_server((ADDRESS, 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(paint, tmp_path, 5, "--watch", "--watch-port", port)
        assert f"cannot serve a page on {ADDRESS}:{port}" in said
    code, _, err = paint("--watch", "--watch-port", port)
    assert code == 0 and f"Watch it at http://{ADDRESS}:{port}/" in err


def test_the_picture_is_the_same_whoever_listens(paint: Run, tmp_path: Path) -> None:
    paint()
    expected = (tmp_path / "out.png").read_bytes()
    listeners = ("--watch", "--preview", "--save-every", 1, "--plot", "a.png", "--force", "-q")
    code, out, err = paint(*listeners)
    assert (code, out) == (0, "")
    (line,) = err.splitlines()  # the page's address alone: it was asked for
    assert line.startswith(f"Watch it at http://{ADDRESS}:")
    assert (tmp_path / "out.png").read_bytes() == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--save-to", "steps"), "--save-to needs --save-every N."),
        (("--save-every", 0), "--save-every"),
        (("--plot", "a.txt"), "losses are kept in .png, .csv, .jsonl."),
        (("--plot", "a.csv", "--plot", "b"), "losses are kept in"),
        (("--watch-port", 65536), "--watch-port"),
        (("--watch-port", -1), "--watch-port"),
        (("--checkpoint-every", 0), "--checkpoint-every"),
    ],
)
def test_refusals(paint: Run, tmp_path: Path, arguments: Any, words: str) -> None:
    assert words in refused(paint, tmp_path, 2, *arguments)


def test_a_plot_without_matplotlib(
    paint: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before the work begins."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert 'pip install "matplotlib>=3.8,<4"' in refused(paint, tmp_path, 2, "--plot", "a.png")


def test_a_run_that_fails_leaves_no_losses(
    paint: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Screen, "step", fail)
    code, _, err = paint("--plot", "a.csv", "--save-every", 1, "--save-to", "m.gif", "--watch")
    assert code == 7 and "memory" in err
    assert names(tmp_path) == set()


def test_losses_that_cannot_be_written(paint: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    code, _, err = paint("--plot", "a.csv")
    assert code == 5 and "a.csv: it is a folder" in err
    assert names(tmp_path) == {"a.csv"}  # seen before the work
