"""A sweep's cells, its report, and the command line of a cell."""

from pathlib import Path

import pytest

from stylecli.errors import SettingsError, UsageError
from stylecli.settings import Settings
from stylecli.sweep.axes import Axis, parse_axis
from stylecli.sweep.grid import SweepRequest, plan_sweep

from .conftest import CONTENT, plan, styles


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
