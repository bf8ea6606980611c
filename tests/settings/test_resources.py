"""Computing resources: device, tiles, memory."""

from typing import Any

import pytest

from stylecli.errors import SettingsError
from stylecli.settings import MAX_SIZE, Compute


def refused(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Compute(**values)
    return str(caught.value)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps"])
def test_devices(device: str) -> None:
    assert Compute(device=device).device == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:a", "CPU", "", "cuda:1234", None])
def test_no_devices(device: Any) -> None:
    assert refused(device=device) == (
        f"device must be auto, cpu, cuda, cuda:N or mps, got {device!r}."
    )


@pytest.mark.parametrize(
    ("tile", "expected"), [("auto", "auto"), ("off", "off"), ("64", 64), ("32768", 32768)]
)
def test_tiles(tile: str, expected: object) -> None:
    assert Compute(tile=tile).tile_side == expected


@pytest.mark.parametrize("tile", ["63", "32769", "999999", "-64", "64px", "", "0x40", None])
def test_no_tiles(tile: Any) -> None:
    assert refused(tile=tile) == (
        f"tile must be auto, off or 64 to {MAX_SIZE} pixels, got {tile!r}."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("1000", 1000),
        ("2G", 2 * 1024**3),
        ("1.5g", 3 * 2**29),
        ("800MiB", 800 * 2**20),
        ("10kB", 10240),
        ("1T", 2**40),
        ("7B", 7),
    ],
)
def test_memory(text: str | None, expected: int | None) -> None:
    assert Compute(max_memory=text).max_bytes == expected


@pytest.mark.parametrize("text", ["0", "0.0G", "-1G", "G", "2GG", "two", "", "1e9", "nan"])
def test_no_memory(text: str) -> None:
    assert refused(max_memory=text) == (
        f"max_memory must be a size such as 800M or 2G, got {text!r}."
    )
    assert "precision must be one of" in refused(precision="fp16")
