"""One picture: what is written, printed and refused."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.encoder.registry import get_spec
from stylecli.images.embedded_text import read_recipe
from stylecli.provenance.recipe import parse_recipe

Run = Callable[..., Any]


@pytest.fixture
def pair(content_path: Path, style_path: Path) -> tuple[Path, Path]:
    return content_path, style_path


def test_writes_the_picture_and_says_so(stylize: Run, pair: Any, tmp_path: Path) -> None:
    done = stylize(*pair, "-o", "out.png")
    assert (done.code, done.out) == (0, "")
    assert "Wrote out.png (64x48, content 0.125, style 0.0125, 1 s)" in done.err
    assert "content 0.42 0.43 nan; style 0.018 0.02 0.03" in done.err
    assert "Note: The fake core recovered from nothing." in done.err
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (64, 48)


def test_the_first_line_comes_before_torch(child: Run, pair: Any) -> None:
    done = child(*pair, "-o", "out.png")
    assert done.stderr.decode().splitlines()[0] == "Loading PyTorch"


def test_options_reach_the_recipe(stylize: Run, pair: Any, tmp_path: Path) -> None:
    done = stylize(*pair, "-o", "out.png", "-s", 0.7, "--style-layers", "relu1_1:2", "--seed", 5)
    assert done.code == 0, done.err
    recipe = parse_recipe(read_recipe(tmp_path / "out.png") or "")
    assert recipe.settings.strength == 0.7
    assert recipe.settings.style_layers == (("relu1_1", 2.0),)
    assert recipe.settings.seed == 5


def test_environment_below_options(
    stylize: Run, pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLECLI_SEED", "8")
    monkeypatch.setenv("STYLECLI_OCTAVES", "2")
    assert stylize(*pair, "-o", "out.png", "--seed", 9).code == 0
    settings = parse_recipe(read_recipe(tmp_path / "out.png") or "").settings
    assert (settings.seed, settings.octaves) == (9, 2)


def test_json_is_one_object_on_stdout(stylize: Run, pair: Any) -> None:
    done = stylize(*pair, "-o", "out.png", "--json", "--size", 32)
    found = json.loads(done.out)
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert (found["output"], found["size"], found["seconds"]) == ("out.png", [32, 24], 1.25)
    assert found["encoder"] == {"name": "compact", "sha256": get_spec("compact").sha256}
    assert found["losses"]["content"] == 0.125
    assert found["pyramid"][2] == [None, 0.03]
    assert found["notes"] == ["The fake core recovered from nothing."]
    assert (found["device"], found["precision"], found["seed"]) == ("cpu", "fp32", 0)
    assert found["settings"]["size"] == 32


def test_quiet_prints_nothing(stylize: Run, pair: Any) -> None:
    done = stylize(*pair, "-o", "out.png", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_verbose_says_where_it_was_computed(stylize: Run, pair: Any) -> None:
    done = stylize(*pair, "-o", "out.png", "-v")
    assert "Computed on cpu in fp32, 4 iterations, seed 0" in done.err


def test_pipes(child: Run, pair: Any) -> None:
    done = child("-", pair[1], "-o", "-", input=pair[0].read_bytes())
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("PNG", (64, 48))


def test_a_reader_that_left(child: Run, pair: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    done = child(*pair, "-o", "-", stdout=write, stderr=-1, capture_output=False)
    os.close(write)
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_a_missing_folder_is_made(stylize: Run, pair: Any, tmp_path: Path) -> None:
    assert stylize(*pair, "-o", "new/deep/out.png").code == 0
    assert (tmp_path / "new/deep/out.png").is_file()


def test_an_output_is_kept_without_force(stylize: Run, pair: Any, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"mine")
    done = stylize(*pair, "-o", "out.png")
    assert done.code == 5
    assert "--force" in done.err
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    assert stylize(*pair, "-o", "out.png", "--force").code == 0
    assert (tmp_path / "out.png").read_bytes() != b"mine"


@pytest.mark.parametrize("which", [0, 1])
def test_an_input_is_never_the_output(stylize: Run, pair: Any, tmp_path: Path, which: int) -> None:
    before = pair[which].read_bytes()
    (tmp_path / "link.png").symlink_to(pair[which])
    os.link(pair[which], tmp_path / "hard.png")
    for name in (pair[which], "link.png", "hard.png", f"./{pair[which].name}"):
        done = stylize(*pair, "-o", name, "--force")
        assert done.code == 5
        assert "is also an input" in done.err
    assert pair[which].read_bytes() == before


def test_a_link_stays_a_link(stylize: Run, pair: Any, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("real.png")
    done = stylize(*pair, "-o", "link.png")
    assert done.code == 5 and "a link that leads to no file" in done.err
    (tmp_path / "real.png").write_bytes(b"old")
    assert stylize(*pair, "-o", "link.png", "--force").code == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() != b"old"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "CONTENT"),
        (("content.png",), 2, "STYLE"),
        (("content.png", "style.png"), 2, "say where to write"),
        (("content.png", "style.png", "-o", "o.png", "--style-weights", "1,2"), 2, "for 1 style"),
        (("content.png", "style.png", "-o", "o.png", "--style-weights", "a"), 2, "such as 3,1"),
        (("content.png", "style.png", "-o", "o.png", "--style-mask", "m.png"), 2, "--mask"),
        (("content.png", "style.png", "-o", "o.png", "--mask", "no.png"), 4, "no.png"),
        (("content.png", "style.png", "-o", "o.png", "--strength", "2"), 2, "from 0 to 1"),
        (("content.png", "style.png", "-o", "o.png", "--beta", "nan"), 2, "beta"),
        (("content.png", "style.png", "-o", "o.png", "--tv", "-1"), 2, "tv"),
        (("content.png", "style.png", "-o", "o.png", "-s", "1", "--beta", "2"), 2, "alpha or beta"),
        (("content.png", "style.png", "-o", "o.png", "--encoder", "compct"), 2, "'compact'"),
        (("content.png", "style.png", "-o", "o.png", "--style-layers", "relu1_9"), 2, "relu1_"),
        (("content.png", "style.png", "-o", "o.png", "-q", "-v"), 2, "exclude"),
        (("content.png", "style.png", "-o", "o.png", "--jpeg-quality", "0"), 2, "jpeg-quality"),
        (("content.png", "style.png", "-o", "o.png", "--bits", "12"), 2, "8 or 16"),
        (("content.png", "style.png", "-o", "o.png", "--device", "gpu"), 2, "device"),
        (("content.png", "style.png", "-o", "-", "--json"), 2, "--json"),
        (("-", "-", "-o", "o.png"), 2, "standard input"),
        (("missing.png", "style.png", "-o", "o.png"), 4, "missing.png: there is no such file"),
        (("content.png", "folder.png", "-o", "o.png"), 4, "folder"),
        (("content.png", "style.png", "-o", "o.png", "--init", "no.png"), 4, "no.png"),
        (("text.jpg", "style.png", "-o", "o.png"), 4, "text.jpg"),
        (("content.png", "style.png", "-o", "o.gif"), 5, ".gif"),
        (("content.png", "style.png", "-o", "out"), 5, "out"),
        (("content.png", "style.png", "-o", "text.jpg/o.png"), 5, "not a folder"),
        (("content.png", "style.png", "-o", "folder.png", "--force"), 5, "name a picture in it"),
    ],
)
def test_refusals(
    stylize: Run, pair: Any, tmp_path: Path, arguments: Any, code: int, words: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.jpg").write_text("no picture")
    before = sorted(tmp_path.rglob("*"))
    done = stylize(*arguments)
    assert (done.code, done.out) == (code, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("stylize: error: ") and words in last
    assert last.endswith((".", "?"))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(stylize: Run, pair: Any, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    assert stylize(*pair, "-o", "closed/out.png").code == 5


def test_refusals_need_no_torch(child: Run, tmp_path: Path, pair: Any) -> None:
    code = (
        "import sys; from stylecli.cli.app import main\n"
        "code = main(['content.png', 'style.png', '-o', 'style.png'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.stdout.split() == [b"5", b"False"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_folder_that_only_claims_to_be_writable(stylize: Run, pair: Any) -> None:
    done = stylize(*pair, "-o", "/proc/out.png")
    assert done.code == 5 and "/proc is not writable" in done.err
    assert "Loading" not in done.err  # found before any work


@pytest.mark.parametrize(
    ("options", "styles", "noted"),
    [((), 2, True), ((), 1, False), (("--style-weights", "3,1"), 2, False), (("-q",), 2, False)],
)
def test_a_blend_is_noted_where_it_may_not_be_meant(
    stylize: Run, pair: Any, options: Any, styles: int, noted: bool
) -> None:
    """As where a shell's pattern stands before the style."""
    content, style = pair
    done = stylize(content, *[style] * styles, "-o", "out.png", *options)
    assert done.code == 0
    assert ("in a blend of 2 styles" in done.err and "stylize batch" in done.err) == noted
