"""A sweep's report: its sheet and its page."""

import csv
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from stylecli.batch.outcome import Outcome
from stylecli.errors import UsageError
from stylecli.provenance.command_line import command_of
from stylecli.settings import Settings
from stylecli.sweep.axes import Axis, parse_axis
from stylecli.sweep.grid import SweepPlan, SweepRequest, plan_sweep
from stylecli.sweep.report import write_report

from .conftest import CONTENT, STYLE, plan, styles


def made(folder: Path) -> tuple[SweepPlan, list[Outcome]]:
    found = plan(parse_axis("beta", "1,10"), parse_axis("seed", "1,2"), folder=folder)
    outcomes = []
    for number, cell in enumerate(found.cells):
        if number == 3:
            outcomes.append(Outcome.failed(CONTENT, (STYLE,), cell.job.output, UsageError("no.")))
            continue
        Image.new("RGB", (40, 30), (60 * number, 0, 90)).save(cell.job.output)
        recipe = {"losses": {"content": 0.5, "style": 0.25, "total": 1.0}, "settings": {"seed": 1}}
        outcomes.append(
            Outcome.of(cell.job, "done", recipe=recipe, distances={"style_distance": 0.125})
        )
    return found, outcomes


def test_the_report(tmp_path: Path) -> None:
    found, outcomes = made(tmp_path)
    write_report(tmp_path, found, outcomes)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "cells.csv").read_text())))
    assert [(row["beta"], row["seed"], row["status"]) for row in rows] == [
        ("1", "1", "done"), ("10", "1", "done"), ("1", "2", "done"), ("10", "2", "failed"),
    ]  # fmt: skip
    assert (rows[0]["style"], rows[0]["style_distance"], rows[3]["style"]) == ("0.25", "0.125", "")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = sheet.convert("RGB")
        colors = {tuple(color) for row in np.asarray(pixels).tolist() for color in row}
    assert {(0, 0, 90), (60, 0, 90), (120, 0, 90)} <= colors
    assert (180, 0, 90) not in colors


def test_the_page_holds_every_cell(tmp_path: Path) -> None:
    found, outcomes = made(tmp_path)
    write_report(tmp_path, found, outcomes)
    text = (tmp_path / "index.html").read_text()
    data = json.loads(re.search(r"^const data = (.*);$", text, re.M)[1])  # type: ignore[index]
    assert data["columns"] == ["beta 1", "beta 10"]
    assert [cell["file"] for cell in data["cells"]][0] == "beta-1_seed-1.png"
    assert data["cells"][0]["thumb"].startswith("data:image/jpeg;base64,")
    assert data["cells"][0]["distances"] == {"style_distance": 0.125}
    assert data["cells"][3]["thumb"] is None
    assert data["cells"][3]["error"] == "no."


def test_names_cannot_end_the_pages_script(tmp_path: Path) -> None:
    request = SweepRequest(
        folder=tmp_path,
        content=Path("</script><b>.png"),
        styles=(STYLE,),
        axes=[parse_axis("seed", "1")],
    )
    found = plan_sweep(request)
    error = Outcome.failed(CONTENT, (STYLE,), found.cells[0].job.output, UsageError("</script>"))
    write_report(tmp_path, found, [error])
    assert (tmp_path / "index.html").read_text().count("</script>") == 1


def test_a_report_names_no_folder(tmp_path: Path) -> None:
    """And neither a formula nor a command of a stranger's names."""
    (secret := tmp_path / "secret").mkdir()
    content, start = secret / "=1+1.png", secret / "start.png"
    request = SweepRequest(
        folder=tmp_path / "out",
        content=content,
        styles=(secret / "batch",) * 300,
        axes=[Axis("init", (str(start), "random")), Axis("seed", (1, 2))],
    )
    plan = plan_sweep(request)
    error = UsageError(f"cannot read {content}.")
    failed = [Outcome.failed(content, (), cell.job.output, error) for cell in plan.cells]
    write_report(tmp_path, plan, failed)
    page, table = (tmp_path / name for name in ("index.html", "cells.csv"))
    assert "secret" not in page.read_text() + table.read_text()
    assert "start.png" in page.read_text() and " and 296 more" in page.read_text()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width < 5000
    command = command_of(plan.cells[0].job)
    assert command is not None and shlex.split(command)[1:3] == ["=1+1.png", "./batch"]
    odd = replace(plan.cells[0].job, content=Path("a\x1b[2Jb.png"))
    assert command_of(odd) is None


def test_one_long_axis_goes_on_in_the_next_row(tmp_path: Path) -> None:
    found = plan(styles(10), folder=tmp_path, settings=Settings(size=64))
    assert (len(found.rows), len(found.columns)) == (3, 4)
    assert [(cell.row, cell.column) for cell in found.cells[3:5]] == [(0, 3), (1, 0)]
    outcomes = [
        Outcome.failed(CONTENT, cell.job.styles, cell.job.output, UsageError("no."))
        for cell in found.cells
    ]
    write_report(tmp_path, found, outcomes)
    text = (tmp_path / "index.html").read_text()
    data = json.loads(re.search(r"^const data = (.*);$", text, re.M)[1])  # type: ignore[index]
    assert (data["named"], data["title"]) == (True, "a.png in 10 styles")
    assert data["cells"][9]["name"] == "s9.jpg"
    words = shlex.split(data["cells"][9]["large"])
    assert words[:3] == ["stylize", "a.png", "p/s9.jpg"]
    assert "--size" not in words and words[words.index("-o") + 1].endswith("style-s9-large.png")
    assert "styles,output," in (tmp_path / "cells.csv").read_text().splitlines()[0]
