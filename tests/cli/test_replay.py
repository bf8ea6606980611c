"""`stylize replay`, with the real core on small pictures."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from stylecli._version import __version__
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.provenance.job_from_recipe import recipe_in

from .conftest import OPTIONS, Run, complaint


def test_replay(run: Run, picture: Path, tmp_path: Path) -> None:
    code, out, err = run("replay", picture, "-o", "again.png", "-v")
    assert (code, out) == (0, "")
    assert "changed" not in err and "Wrote again.png (64x48" in err and "seed 0" in err
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()
    code, out, err = run("replay", picture, "-o", "again.jpg", "--json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(out)["output"] == "again.jpg"
    code, out, err = run("replay", picture, "-o", "again.png")
    assert code == 5 and "--force" in err
    assert run("replay", picture, "-o", picture, "--force")[0] == 0
    assert picture.read_bytes() == (tmp_path / "again.png").read_bytes()


def test_replay_tells_what_has_changed(
    run: Run, picture: Path, tmp_path: Path, style_path: Path
) -> None:
    values = {**recipe_in(picture).to_dict(), "version": "0.0.1"}
    write_picture(picture, read_picture(picture).pixels, recipe=json.dumps(values))
    Image.new("RGB", (56, 40), "red").save(style_path)
    ended = run("replay", picture, "-o", "again.png")
    assert ended[0] == 4 and "add --input PATH" in complaint(ended)
    code, _, err = run("replay", picture, "-o", "again.png", "--input", style_path)
    assert code == 0
    notes = [line for line in err.splitlines() if line.startswith("Note: ")]
    assert f"Note: the picture was made by version 0.0.1, this is {__version__}." in notes
    assert f"Note: the style {style_path} has changed since the picture was made." in notes
    assert recipe_in(tmp_path / "again.png").version == __version__


def test_replay_with_inputs_that_moved(
    run: Run, picture: Path, tmp_path: Path, content_path: Path, style_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    content, style = tmp_path / "far" / "c.png", tmp_path / "far" / "s.png"
    content_path.rename(content)
    ended = run("replay", picture, "-o", "again.png")
    assert ended[0] == 4
    assert complaint(ended) == (
        f"stylize: error: cannot find the content content.png of {picture}: add --input PATH."
    )
    style_path.rename(style)
    given = ("--input", style, "--input", content)
    code, _, err = run("replay", picture, "-o", "again.png", *given)
    assert code == 0 and "has changed" not in err
    again, before = (read_picture(path).pixels for path in (tmp_path / "again.png", picture))
    assert torch.equal(again, before)


def test_replay_refuses(run: Run, picture: Path, content_path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for path, words in (
        (content_path, "holds no recipe of this program"),
        ("none.png", "no such file"),
        ("text.png", "cannot read"),
    ):
        ended = run("replay", path, "-o", "again.png")
        assert ended[0] == 4 and words in complaint(ended)
    for arguments in ((picture,), ("-o", "again.png"), (picture, "-o", "again.png", "--seed", 1)):
        assert run("replay", *arguments)[0] == 2
    assert not (tmp_path / "again.png").exists()


def test_a_replay_can_be_stopped_and_resumed(
    run: Run, stopped: Run, picture: Path, tmp_path: Path
) -> None:
    code, _, err = stopped(3, "replay", picture, "-o", "again.png")
    assert code == 130 and "stylize resume again.png.checkpoint" in err
    assert run("resume", "again.png.checkpoint")[0] == 0
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


@pytest.mark.parametrize("encoder", ["compact", "vgg19"])
def test_the_same_bytes_however_it_is_made(
    run: Run, stopped: Run, content_path: Path, style_path: Path, tmp_path: Path, encoder: str
) -> None:
    """Again, in a batch, stopped and resumed, replayed: one picture, through each encoder."""
    options = ("--encoder", encoder, "--size", 48, *OPTIONS)
    for name in ("one.png", "again.png"):
        assert run(content_path, style_path, "-o", name, *options)[0] == 0
    contents = (content_path, style_path)
    batch = run(
        "batch", *contents, "--style", style_path, "-o", "batch", "--format", "png", *options
    )
    assert batch[0] == 0, batch[2]
    assert stopped(2, content_path, style_path, "-o", "cut.png", *options)[0] == 130
    assert run("resume", "cut.png.checkpoint")[0] == 0
    assert run("replay", "one.png", "-o", "replayed.png")[0] == 0
    (single,) = (tmp_path / "batch").glob(f"{content_path.stem}_*.png")
    paths = [tmp_path / f"{name}.png" for name in ("again", "cut", "replayed")]
    expected = read_picture(tmp_path / "one.png").pixels
    for path in (*paths, single):
        assert torch.equal(read_picture(path).pixels, expected), path.name
