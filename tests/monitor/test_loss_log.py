"""Losses in files: CSV, JSON lines and a plot."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from stylecli.errors import OutputError, UsageError
from stylecli.monitor.loss_log import LossesLog
from stylecli.monitor.plot import HEIGHT, WIDTH
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Losses, Progress

HEADER = ["iteration", "scale", "width", "height", "total", "content", "style", "total_variation"]
BLUE, RED, GREEN, GRID = (31, 95, 168), (194, 65, 12), (47, 125, 50), (221, 221, 221)


def fill(log: LossesLog) -> None:
    """Six iterations at two scales; one of them has gone wrong."""
    for number in range(1, 7):
        scale = 1 if number < 4 else 2
        total = math.inf if number == 2 else 1.0 / number
        losses = Losses(total, 0.5 / number, 0.01 / number, 1e-9)
        log(Progress(scale, 2, 32 * scale, 24 * scale, number, 3, number / 6, losses, torch.zeros))


def test_csv(tmp_path: Path) -> None:
    log = LossesLog(tmp_path / "losses.csv")
    fill(log)
    assert list(tmp_path.iterdir()) == []  # nothing before the end
    log.close()
    with (tmp_path / "losses.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == HEADER
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert rows[0][1:4] == ["1", "32", "24"] and rows[3][1:4] == ["2", "64", "48"]
    assert [float(value) for value in rows[3][4:]] == [0.25, 0.125, 0.0025, 1e-9]
    assert rows[1][4] == "inf"


def test_json_lines(tmp_path: Path) -> None:
    log = LossesLog(tmp_path / "losses.jsonl")
    fill(log)
    log.close()
    lines = (tmp_path / "losses.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert len(rows) == 6 and all(list(row) == HEADER for row in rows)
    assert rows[1]["total"] is None
    assert rows[5] == {
        "iteration": 6,
        "scale": 2,
        "width": 64,
        "height": 48,
        "total": 1 / 6,
        "content": 0.5 / 6,
        "style": 0.01 / 6,
        "total_variation": 1e-9,
    }


def test_plot(tmp_path: Path) -> None:
    log = LossesLog(tmp_path / "losses.PNG")
    fill(log)
    log.close()
    with Image.open(tmp_path / "losses.PNG") as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
        pixels = image.convert("RGB")
    found = {pixels.getpixel((x, y)) for x in range(84, 930) for y in range(60, 470)}
    assert {BLUE, RED, GREEN} <= found
    # The fourth of six iterations begins a scale: a line stands there, and at no other.
    places = [84 + (WIDTH - 84 - 24) * i / 5 for i in range(6)]
    lines = [all(pixels.getpixel((round(x), y)) == GRID for y in (58, 62, 66)) for x in places]
    assert lines == [False, False, False, True, False, False]


def test_several_files_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / "new" / name for name in ("a.csv", "b.jsonl", "c.png", "d.csv")]
    log = LossesLog(*paths)
    fill(log)
    log.close()
    assert all(path.is_file() for path in paths)
    assert paths[0].read_bytes() == paths[3].read_bytes()


def test_nothing_was_heard(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "b.jsonl", "c.png")]
    LossesLog(*paths).close()
    assert paths[0].read_text().splitlines() == [",".join(HEADER)]
    assert paths[1].read_bytes() == b""
    with Image.open(paths[2]) as image:
        assert image.size == (WIDTH, HEIGHT)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    for name in ("losses.txt", "losses", "losses.jpg"):
        with pytest.raises(UsageError, match=r": losses are kept in \.png, \.csv, \.jsonl\.$"):
            LossesLog(tmp_path / "a.csv", tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        LossesLog(tmp_path / "folder.csv").close()


def test_a_real_run(tmp_path: Path, content: torch.Tensor, style: torch.Tensor) -> None:
    log = LossesLog(tmp_path / "losses.jsonl")
    result = stylize(content, style, settings=Settings(iterations=3), on_progress=log)
    log.close()
    rows = [json.loads(line) for line in (tmp_path / "losses.jsonl").read_text().splitlines()]
    assert [(row["iteration"], row["width"], row["height"]) for row in rows] == [
        (number, 64, 48) for number in (1, 2, 3)
    ]
    assert min(row["total"] for row in rows) == result.losses.total
