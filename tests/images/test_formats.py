"""Suffixes, options and file names in messages."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import OutputError, SettingsError
from stylecli.images import formats
from stylecli.images.formats import OutputOptions, check_output_suffix, format_of
from stylecli.messages import escaped


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.b.webp", "WEBP")]
    + [("a.tif", "TIFF"), ("a.tiff", "TIFF"), ("a.avif", "AVIF")],
)
def test_format_by_suffix(name: str, kind: str) -> None:
    check_output_suffix(Path(name))
    assert format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["a", "a.gif", "a.pngg", ".png", "a.png.txt", "x/"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(OutputError, match=r"\.png, \.jpg, .*\.avif\.$"):
        check_output_suffix(Path(name))


def test_near_miss() -> None:
    with pytest.raises(OutputError, match=r"did you mean '\.png'"):
        check_output_suffix(Path("a.pngg"))


@pytest.mark.parametrize(
    "values", [{"quality": 0}, {"quality": 101}, {"quality": True}, {"quality": 9.5}, {"bits": 12}]
)
def test_options_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        OutputOptions(**values)


def test_names_fit_for_a_message() -> None:
    assert escaped(Path("Größe 東京.png")) == "Größe 東京.png"
    assert escaped("a\nb\x1b[31m\udc80") == "a\\nb\\x1b[31m\\udc80"


def test_checking_a_suffix_needs_no_torch() -> None:
    code = (
        "import sys; from stylecli.images import formats; formats.OutputOptions(); "
        "assert 'torch' not in sys.modules and 'PIL' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pillow_without_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if "avif" in name else name)
    with pytest.raises(OutputError, match="the Pillow installed here has no AVIF"):
        check_output_suffix(Path("a.avif"))
    check_output_suffix(Path("a.webp"))
