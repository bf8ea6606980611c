"""`import stylecli`: light, complete, and honest about what it has."""

import subprocess
import sys

import pytest

import stylecli


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
