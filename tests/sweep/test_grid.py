"""A sweep's cells, its report, and the command line of a cell."""

import csv
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylecli.batch.outcome import Outcome
from stylecli.errors import SettingsError, UsageError
from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.provenance.command_line import command_of
from stylecli.settings import Compute, Settings
from stylecli.sweep.axes import Axis, parse_axis
from stylecli.sweep.grid import SweepPlan, SweepRequest, plan_sweep
from stylecli.sweep.report import write_report

CONTENT, STYLE = Path("a.png"), Path("b.png")


def plan(*axes: Axis, folder: Path = Path("out"), **more: Any) -> SweepPlan:
    request = SweepRequest(folder=folder, content=CONTENT, styles=(STYLE,), axes=axes, **more)
    return plan_sweep(request)


def test_the_longest_axis_goes_across() -> None:
    found = plan(parse_axis("size", "64,96"), parse_axis("beta", "1,10,100"))
    assert found.across is not None
    assert found.across.name == "beta"
    assert found.rows == ("size 64", "size 96")
    assert found.columns == ("beta 1", "beta 10", "beta 100")
    assert [(cell.row, cell.column) for cell in found.cells] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip
    last = found.cells[-1]
    assert (last.job.settings.size, last.job.settings.beta) == (96, 100.0)
    assert last.job.output == Path("out/size-96_beta-100.png")


def test_a_wider_sweep_finds_the_cells_of_a_narrow_one() -> None:
    narrow = {cell.job.output for cell in plan(parse_axis("beta", "1,10")).cells}
    wide = {cell.job.output for cell in plan(parse_axis("beta", "1,5,10")).cells}
    assert narrow < wide


def test_one_value_is_a_setting_and_no_axis() -> None:
    found = plan(parse_axis("alpha", "2"), parse_axis("beta", "1,10"))
    assert found.rows == ("",)
    assert {cell.job.settings.alpha for cell in found.cells} == {2.0}
    (only,) = plan(parse_axis("seed", "7")).cells
    assert (only.job.output.name, only.job.settings.seed) == ("picture.png", 7)


def test_an_axis_sets_aside_the_knob_it_excludes() -> None:
    found = plan(parse_axis("strength", "0.2,0.8"), settings=Settings(alpha=1.0, beta=5.0))
    assert [cell.job.settings.strength for cell in found.cells] == [0.2, 0.8]
    found = plan(parse_axis("beta", "1,2"), settings=Settings(strength=0.5))
    assert [cell.job.settings.beta for cell in found.cells] == [1.0, 2.0]
    with pytest.raises(SettingsError, match="strength cannot be combined"):
        plan(parse_axis("beta", "1,2"), parse_axis("strength", "0.2,0.8"))


def test_names_of_long_and_like_values_differ() -> None:
    paths = plan(parse_axis("encoder", "x/net.pth,y/net.pth"))
    names = [cell.job.output.name for cell in paths.cells]
    assert len(set(names)) == 2
    layers = ";".join(f"relu1_1:{n},relu2_1:1,relu3_1:1,relu4_1:1" for n in (1, 2))
    names = [cell.job.output.name for cell in plan(parse_axis("style_layers", layers)).cells]
    assert len(set(names)) == 2
    assert max(map(len, names)) < 100


def test_too_many_cells() -> None:
    with pytest.raises(UsageError, match="10000 cells"):
        plan(parse_axis("seed", "0:99"), parse_axis("beta", "1:2:100"))


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


def test_a_job_as_a_command_line() -> None:
    job = Job(
        content=Path("-a b.png"),
        styles=(Path("c.png"), Path("d.png")),
        output=Path("out.png"),
        settings=Settings(strength=0.1 + 0.2, style_layers=(("fine", 1.0),), style_weights=(3, 1)),
        compute=Compute(precision="fp32"),
        output_options=OutputOptions(quality=80, bits=16, keep_alpha=False),
        mask=Path("m.png"),
    )
    assert shlex.split(command_of(job)) == [
        "stylize", "./-a b.png", "c.png", "d.png", "-o", "out.png",
        "--strength", "0.30000000000000004", "--style-layers", "fine:1", "--style-weights", "3,1",
        "--precision", "fp32", "--mask", "m.png",
        "--jpeg-quality", "80", "--bits", "16", "--no-keep-alpha",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "styles", "values"),
    [
        ("0.5,1,2", 1, [(0.5,), (1.0,), (2.0,)]),
        ("0.5;1;2", 1, [(0.5,), (1.0,), (2.0,)]),
        ("0.5,1,2", 2, [(0.5,), (1.0,), (2.0,)]),
        ("0.5,1;2,1", 2, [(0.5, 1.0), (2.0, 1.0)]),
        ("0.5,1,2", 3, [(0.5, 1.0, 2.0)]),
    ],
)
def test_style_scales_with_commas(text: str, styles: int, values: list[tuple[float, ...]]) -> None:
    paths = tuple(Path(f"{i}.png") for i in range(styles))
    request = SweepRequest(
        folder=Path("out"), content=CONTENT, styles=paths, axes=[parse_axis("style_scale", text)]
    )
    assert [cell.job.settings.style_scale for cell in plan_sweep(request).cells] == values


def styles(count: int, folder: str = "p") -> Axis:
    return Axis("styles", tuple(Path(folder, f"s{number}.jpg") for number in range(count)))


def test_an_axis_of_styles() -> None:
    found = plan(styles(3), parse_axis("strength", "0.2,0.8"))
    assert found.rows == ("s0.jpg", "s1.jpg", "s2.jpg")  # down, though it is longer
    assert found.columns == ("strength 0.2", "strength 0.8")
    last = found.cells[-1]
    assert (last.row, last.column) == (2, 1)
    assert last.job.styles == (Path("p/s2.jpg"),)
    assert last.job.output == Path("out/style-s2_strength-0.8.png")


def test_one_style_of_a_folder_is_no_axis() -> None:
    (only,) = plan(styles(1)).cells
    assert (only.job.styles, only.job.output.name) == ((Path("p/s0.jpg"),), "picture.png")


def test_styles_called_alike_get_names_of_their_own() -> None:
    axis = Axis("styles", (Path("a/x.jpg"), Path("b/X.jpg"), Path("b/x.png")))
    names = {cell.job.output.name.casefold() for cell in plan(axis).cells}
    assert len(names) == 3


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
