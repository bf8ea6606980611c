"""File names by the rules of every system."""

import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from stylecli.file_names import leads_out, name_key, spare_name, windows_fault
from stylecli.output_guard import OutputGuard


@pytest.mark.parametrize(
    "name",
    ["/x.png", r"\x.png", "D:x.png", r"D:\x.png", r"..\..\x", "a/../x", r"\\host\share\x", "a/.."],
)
def test_names_that_lead_out(name: str) -> None:
    assert leads_out(name) and leads_out(PurePosixPath(name))


@pytest.mark.parametrize("name", ["x.png", "a/b.png", "a/b:c", "..x/y..", "a\\b"])
def test_names_that_stay(name: str) -> None:
    assert not leads_out(name)


@pytest.mark.parametrize(
    "name",
    ["a?.png", "a*b", 'say "x".png', "<a>", "a|b", "x/a:b", "a\tb", "nul", "NUL.png", "aux .txt"]
    + ["com1.tar.gz", "lpt¹", "conin$", "folder./a.png", "folder /a", "a."],
)
def test_names_that_windows_cannot_have(name: str) -> None:
    assert windows_fault(name) is not None and windows_fault(PurePosixPath(name)) is not None


@pytest.mark.parametrize(
    "name", ["a.png", "C:/x/nulls.png", "console.png", "com.png", "../a", "./a", "Łódź 1.png"]
)
def test_names_that_windows_can_have(name: str) -> None:
    assert windows_fault(name) is None


def test_one_file_by_other_names(tmp_path: Path) -> None:
    assert name_key("B.PNG") == name_key("b.png") != name_key("c.png")
    assert name_key(unicodedata.normalize("NFD", "é.png")) == name_key("é.png")
    (tmp_path / "b.png").touch()
    os.link(tmp_path / "b.png", tmp_path / "B.png")  # as both names are one file on macOS
    guard = OutputGuard([tmp_path / "b.png"])
    assert guard.is_input(tmp_path / "B.png")
    assert OutputGuard([tmp_path / "x" / ".." / "new"]).is_input(tmp_path / "new")
    assert not guard.is_input(tmp_path / "new")


def test_a_spare_name(tmp_path: Path) -> None:
    (tmp_path / "a_-2.png").touch()
    assert spare_name(tmp_path / "a?.png") == tmp_path / "a_-3.png"
    assert len(spare_name(tmp_path / f"{'x' * 300}.png").name) < 60
