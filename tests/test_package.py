"""`import stylecli`: light, complete, and honest about what it has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import stylecli

USER_SCRIPT = Path(__file__).with_name("user_script.py")


def test_every_name_is_there() -> None:
    for name in stylecli.__all__:
        assert getattr(stylecli, name) is not None
        assert name in dir(stylecli)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="'stylise'"):
        getattr(stylecli, "stylise")  # noqa: B009


def test_settings_and_errors_without_torch() -> None:
    code = (
        "import sys; from stylecli import Settings, Compute, UsageError, __version__\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_python_m() -> None:
    command = [sys.executable, "-m", "stylecli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"stylize {stylecli.__version__}\n"


def test_the_users_script_has_every_public_name() -> None:
    words = set(re.findall(r"\w+", USER_SCRIPT.read_text(encoding="utf-8")))
    assert words >= set(stylecli.__all__)


def test_types_of_a_users_script() -> None:
    """Strict mypy, which also says where something to be refused is not."""
    command = [sys.executable, "-m", "mypy", "--strict", f"{USER_SCRIPT}"]
    done = subprocess.run(command, cwd=USER_SCRIPT.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
