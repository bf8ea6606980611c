"""Losses in files: CSV, JSON lines and a plot."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.lines import Line2D
from PIL import Image

from stylecli.errors import OutputError, UsageError
from stylecli.monitor.loss_log import LossesLog, draw_losses
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Losses, Progress

HEADER = ["iteration", "scale", "width", "height", "total", "content", "style", "total_variation"]
SIZE = (960, 540)  # of a plot


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
    assert [path.name for path in tmp_path.iterdir()] == ["losses.PNG"]  # no temporary file left
    with Image.open(tmp_path / "losses.PNG") as image:
        assert (image.format, image.size) == ("PNG", SIZE)
    (axes,) = draw_losses(log.rows).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "loss")
    assert axes.get_title() == "Losses" and axes.get_yscale() == "log"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["total", "content", "style"]
    total, content, style, scale = axes.get_lines()
    assert data_of(total, "x") == [1, 3, 4, 5, 6]  # the second has no logarithm
    assert data_of(total, "y") == [1, 1 / 3, 1 / 4, 1 / 5, 1 / 6]
    assert data_of(content, "y") == [0.5 / number for number in range(1, 7)]
    assert data_of(style, "x") == [1, 2, 3, 4, 5, 6]
    assert data_of(scale, "x") == [4, 4]  # the fourth iteration begins a scale


def test_the_curves_are_in_the_picture(tmp_path: Path) -> None:
    """Pixels differ from an empty plot's where the curves are, and from another run's."""
    empty, run, other = (LossesLog(tmp_path / f"{name}.png") for name in ("empty", "run", "other"))
    fill(run)
    other.rows = [(scale, w, h, Losses(2, 1, 1, 1)) for scale, w, h, _ in run.rows]
    pictures = []
    for log in (empty, run, other):
        log.close()
        with Image.open(log.paths[0]) as image:
            pictures.append(np.asarray(image.convert("RGB"), int)[80:460, 100:940])
    for color in ((31, 119, 180), (255, 127, 14), (44, 160, 44)):  # matplotlib's first three
        count = [int((abs(picture - color).sum(-1) < 30).sum()) for picture in pictures]
        assert count[1] > count[0] + 200
    assert (pictures[1] != pictures[2]).any(-1).sum() > 1000


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_what_has_no_logarithm_is_left_out(bad: float) -> None:
    rows = [(1, 8, 8, Losses(value, bad, 1.0, 0.0)) for value in (1.0, bad, 0.01)]
    total, content, _ = draw_losses(rows).axes[0].get_lines()
    assert (data_of(total, "x"), data_of(total, "y")) == ([1, 3], [1.0, 0.01])
    assert data_of(content, "x") == []


def test_a_plot_shows_six_decades_at_most() -> None:
    rows = [(1, 8, 8, Losses(value, value, value, 0.0)) for value in (1.0, 1e-3, 1e-30)]
    assert draw_losses(rows).axes[0].get_ylim()[0] == pytest.approx(1e-6)


def test_a_plot_keeps_no_state(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from stylecli.monitor.loss_log import LossesLog\n"
        "LossesLog(pathlib.Path('a.csv'), pathlib.Path('a.jsonl')).close()\n"
        "print('matplotlib' in sys.modules)\n"
        "LossesLog(pathlib.Path('a.png')).close()\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True", "False"], "")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"a\.png: .*pip install .matplotlib"):
        LossesLog(tmp_path / "a.csv", tmp_path / "a.png")
    log = LossesLog(tmp_path / "a.csv", tmp_path / "a.jsonl")
    fill(log)
    log.close()
    assert len(list(tmp_path.iterdir())) == 2


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
        assert image.size == SIZE


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


def data_of(line: Line2D, axis: str) -> list[float]:
    return list(np.atleast_1d(line.get_xdata() if axis == "x" else line.get_ydata()))
