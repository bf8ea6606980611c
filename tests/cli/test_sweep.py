"""`stylize sweep` on the command line."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stylecli.cli.app import main

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def test_a_sweep_and_a_wider_one(stylize: Any, content_path: Path, style_path: Path) -> None:
    folder = content_path.parent / "sweep"
    command = ("sweep", content_path, style_path, "-o", folder, "--size", 16, "--json")
    narrow = ("--alpha", "1", "--beta", "1,10,100", "--seed", "0:2")
    first = stylize(*command, *narrow)
    assert first.code == 0
    told = json.loads(first.out)
    assert (told["done"], told["kept"]) == (9, 0)
    assert {"sheet.png", "index.html", "cells.csv"} <= {path.name for path in folder.iterdir()}
    again = json.loads(stylize(*command, *narrow).out)
    assert (again["done"], again["kept"]) == (0, 9)
    wide = json.loads(
        stylize(*command, "--alpha", "1", "--beta", "1,5,10,100", "--seed", "0:2").out
    )
    assert (wide["done"], wide["kept"]) == (3, 9)


def test_cells_of_another_recipe_are_replaced_only_when_asked(
    stylize: Any, content_path: Path, style_path: Path
) -> None:
    command = ("sweep", content_path, style_path, "-o", "sweep", "--strength", "0.2,0.8")
    assert stylize(*command).code == 0
    other = stylize(*command, "--octaves", "2")
    assert other.code == 3
    assert other.err.count("was made by another recipe") == 2
    told = json.loads(stylize(*command, "--octaves", "2", "--overwrite", "--json").out)
    assert told["done"] == 2
    told = json.loads(stylize(*command, "--octaves", "2", "--overwrite", "--json").out)
    assert told["kept"] == 2


@pytest.mark.parametrize("name", ["sheet.png", "index.html", "cells.csv", "manifest.jsonl"])
def test_a_foreign_file_and_an_input_are_kept(
    stylize: Any, content_path: Path, style_path: Path, name: str
) -> None:
    """Before the work, and in a dry run as well; an earlier report is replaced."""
    folder = content_path.parent
    command = ("sweep", content_path, style_path, "-o", folder, "--strength", "0.2,0.8")
    (folder / name).write_text("mine")
    for more in ((), ("--dry-run",)):
        assert stylize(*command, *more).code == 5
        assert (folder / name).read_text() == "mine"
        assert not list(folder.glob("strength*"))
    (folder / name).unlink()
    assert stylize(*command).code == stylize(*command).code == 0
    if name == "sheet.png":
        style_path.rename(folder / name)
        found = stylize("sweep", content_path, folder / name, *command[3:], "--overwrite")
        assert found.code == 5 and "also an input" in found.err


def test_other_output_options_are_another_picture(
    stylize: Any, content_path: Path, style_path: Path
) -> None:
    command = ("sweep", content_path, style_path, "-o", "sweep", "--overwrite", "--json")
    counts = []
    for more in ((), ("--bits", 16), ("--bits", 16, "--jpeg-quality", 50), ("--no-keep-alpha",)):
        counts.append(json.loads(stylize(*command, *more).out)["done"])
    assert counts == [1, 1, 0, 1]  # PNG heeds no quality


def test_a_failing_cell_leaves_the_others(
    stylize: Any, content_path: Path, style_path: Path
) -> None:
    found = stylize(
        "sweep", content_path, style_path, "-o", "sweep", "--style-layers", "relu1_1;relu9_9"
    )
    assert found.code == 3
    assert "unknown layer 'relu9_9'" in found.err
    assert len(list(Path("sweep").glob("*relu1_1*"))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--beta", "1:10"), 2, "say how many values"),
        (("--beta", "1,x"), 2, "must be a number"),
        (("--strength", "0.5,2"), 2, "strength must be a number from 0 to 1"),
        (("--beta", "1,2", "--strength", "0.1,0.2"), 2, "cannot be combined"),
        (("--format", "bmp"), 2, "is no format"),
    ],
)
def test_refused(
    stylize: Any, content_path: Path, style_path: Path, arguments: Any, code: int, words: str
) -> None:
    found = stylize("sweep", content_path, style_path, "-o", "sweep", *arguments)
    assert (found.code, words in found.err) == (code, True)
    assert not Path("sweep").exists()


def test_dry_run_lists_the_outputs(stylize: Any, content_path: Path, style_path: Path) -> None:
    found = stylize("sweep", content_path, style_path, "-o", "s", "--seed", "1,2", "--dry-run")
    assert found.code == 0
    outputs = [line.rpartition(" -> ")[2] for line in found.err.splitlines()]
    assert outputs == ["s/seed-1.png", "s/seed-2.png"]


def test_the_command_of_a_cell_gives_its_settings(
    stylize: Any, content_path: Path, style_path: Path
) -> None:
    stylize(
        *("sweep", content_path, style_path, "-o", "s", "--strength", "0.3,0.7"),
        *("--style-scale", "0.5;2", "--style-layers", "coarse", "--chroma-tv", "1.5"),
    )
    text = Path("s/index.html").read_text()
    data = json.loads(text.split("const data = ", 1)[1].split(";\n", 1)[0])
    import shlex

    for number, cell in enumerate(data["cells"]):
        words = shlex.split(cell["command"])
        words[words.index("-o") + 1] = f"again-{number}.png"
        assert main(words[1:]) == 0
        again = Path(f"again-{number}.png").read_bytes()
        assert again == Path("s", cell["file"]).read_bytes()


@pytest.mark.skipif(BROWSER is None, reason="no browser")
def test_the_page_in_a_browser(stylize: Any, content_path: Path, style_path: Path) -> None:
    stylize("sweep", content_path, style_path, "-o", "s", "--strength", "0.2,0.8")
    page = Path("s/index.html").absolute().as_uri()

    def shown(address: str) -> str:
        command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        done = subprocess.run([*command, address], capture_output=True, text=True, timeout=120)
        return done.stdout

    whole = shown(page)
    assert whole.count('<button class="cell"') == 2
    assert '<dialog id="full">' in whole
    opened = shown(f"{page}#strength-0.8.png")
    assert '<dialog id="full" open=""' in opened
    assert "--strength 0.8" in opened.split("<pre", 1)[1]


def test_every_painting_of_a_folder_on_one_sheet(
    stylize: Any, content_path: Path, style_path: Path
) -> None:
    Path("paintings").mkdir()
    for name in ("night.png", "glass.png", "no.png"):
        shutil.copy(style_path, Path("paintings", name))
    Path("paintings/no.png").write_bytes(b"no picture")
    command = ("sweep", content_path, "--style", "paintings", "-o", "sheet", "--size", "16")
    found = stylize(*command)
    assert found.code == 3 and "no.png" in found.err
    made = {path.name for path in Path("sheet").glob("style-*")}
    assert made == {"style-glass.png", "style-night.png"}
    assert Path("sheet/sheet.png").is_file()
    neither = stylize("sweep", content_path, "-o", "sheet")
    both = stylize("sweep", content_path, style_path, "--style", "paintings", "-o", "sheet")
    for refused in (neither, both):
        assert (refused.code, "say whose style" in refused.err) == (2, True)
