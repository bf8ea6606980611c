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
def test_help_without_color(child: Run, variables: dict[str, str]) -> None:
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


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        (("--show-completion", "zsh"), "#compdef stylize"),
        (("--show-completion=fish",), "complete --command stylize"),
        (("--show-completion", "powershell"), "Register-ArgumentCompleter"),
    ],
)
def test_completion_for_a_shell_that_is_named(
    capsys: Any, words: tuple[str, ...], mark: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0 and mark in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_completion_for_a_shell_that_is_not_known(capsys: Any, option: str) -> None:
    assert main([option, "tcsh"]) == 2
    assert "knows the shells bash, zsh, fish" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["1", "30"])
def test_help_on_a_narrow_terminal(child: Run, columns: str) -> None:
    import os

    done = child("weights", "--help", real=True, env={**os.environ, "COLUMNS": columns})
    page = done.stdout.decode()
    assert "Usage: stylize weights" in page and "compare" in page


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted")
def test_a_working_folder_that_is_gone(child: Run, tmp_path: Path) -> None:
    code = (
        "import os, sys; from stylecli.cli.app import main; os.mkdir('gone'); os.chdir('gone')\n"
        "os.rmdir('../gone'); sys.exit(main(['/a.png', '/b.png', '-o', '/c.png']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stderr == (
        "stylize: error: the working folder has been deleted: change to one that is there.\n"
    )


def test_completion_can_be_shown(child: Run) -> None:
    done = child("--show-completion", "bash", real=True)
    if b"not supported" in done.stderr:  # typer looks for the shell among the parent processes
        pytest.skip("no shell started these tests")
    assert done.returncode in (0, 2)


def test_help_shows_what_is_needed_first_and_help_all_the_rest(capsys: Any) -> None:
    pages = {}
    for words in (["--help"], ["--help-all"], ["a.png", "--help-all"], ["batch", "--help"],
                  ["batch", "a.png", "--help-all"]):  # fmt: skip
        assert main(words) == 0
        pages[" ".join(words)] = capsys.readouterr().out
    assert pages["--help-all"] == pages["a.png --help-all"]
    for short, whole in (("--help", "--help-all"), ("batch --help", "batch a.png --help-all")):
        for option in ("--strength", "--size", "--seed", "--help"):
            assert option in pages[short] and option in pages[whole]
        for option in ("--content-layers", "--tile", "--padding"):
            assert option not in pages[short] and option in pages[whole]
    assert "--from-file" in pages["batch --help"]


def test_without_words_a_terminal_gets_help_and_a_script_an_error(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == page
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert main([]) == 2
    assert capsys.readouterr().out == ""
