"""The default command, help, near misses, completion."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylecli._version import __version__
from stylecli.cli.app import main

Run = Callable[..., Any]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_shows_options_and_commands(capsys: Any, flag: str) -> None:
    assert main([flag]) == 0
    page = capsys.readouterr().out
    for words in ("CONTENT STYLE -o OUT", "--strength", "Objective", "weights", "Exit codes"):
        assert words in page
    assert main(["a.png", "b.png", flag]) == 0
    assert capsys.readouterr().out == page


def test_help_without_torch() -> None:
    code = (
        "import sys; from stylecli.cli.app import main; code = main(['--help'])\n"
        "print(code, sorted({'torch', 'numpy', 'PIL', 'tqdm'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "0 []\n"
    assert "--strength" in done.stdout


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_help_without_colour(child: Run, variables: dict[str, str]) -> None:
    import os

    environment = {**os.environ, **variables}
    environment.pop("FORCE_COLOR", None)
    done = child("--help", real=True, env=environment)
    assert done.returncode == 0
    assert b"\x1b[3" not in done.stdout


def test_version(capsys: Any) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"stylize {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["wieghts", "list"], "weights"),
        (["docter"], "doctor"),
        (["weights", "lsit"], "list"),
        (["a.png", "b.png", "--strenght", "1"], "--strength"),
        (["--iteration", "1"], "--iterations"),
        (["doctor", "--jsn"], "--json"),
        (["a.png", "b.png", "-o", "c.png", "--encoder", "vgg91"], "vgg19"),
    ],
)
def test_near_misses(
    capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], near: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "id you mean" in said.err and near in said.err
    assert said.err.count("\n") == 1


def test_a_picture_named_like_a_command(
    stylize: Run, content_path: Path, style_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "weights").write_bytes(content_path.read_bytes())
    (tmp_path / "wieghts").write_bytes(content_path.read_bytes())
    assert stylize("./weights", style_path, "-o", "a.png").code == 0
    assert stylize("wieghts", style_path, "-o", "b.png").code == 0


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("stylize wei", "weights"),
        ("stylize --str", "--strength"),
        ("stylize a.png b.png --pool", "--pooling"),
        ("stylize weights l", "list"),
    ],
)
def test_completion(child: Run, words: str, offered: str) -> None:
    import os

    environment = {
        **os.environ,
        "_STYLIZE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = child(real=True, env=environment)
    assert offered in done.stdout.decode().split()


def test_completion_can_be_shown(child: Run) -> None:
    done = child("--show-completion", "bash", real=True)
    if b"not supported" in done.stderr:  # typer looks for the shell among the parent processes
        pytest.skip("no shell started these tests")
    assert done.returncode in (0, 2)
