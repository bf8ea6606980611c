"""Fixtures for every room: small synthetic pictures, and walls against the outside world."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

SHARED_IMAGES = Path(__file__).resolve().parents[2] / "shared" / "images"


@pytest.fixture
def content() -> torch.Tensor:
    """A landscape, (3, 48, 64) in [0, 1]: sky, a sun off center, a dark hill, a light path."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 64), indexing="ij")
    picture = torch.stack((0.45 + 0.3 * y, 0.6 + 0.2 * y, 0.9 - 0.2 * y))
    sun = (x - 0.7) ** 2 + (y - 0.25) ** 2 < 0.02
    hill = y > 0.65 + 0.12 * torch.sin(6 * x)
    path = hill & ((x - 0.3).abs() < 0.15 * y)
    colors = ((1.0, 0.9, 0.5), (0.2, 0.4, 0.15), (0.8, 0.7, 0.5))
    for where, color in zip((sun, hill, path), colors, strict=True):
        picture = torch.where(where, torch.tensor(color)[:, None, None], picture)
    return picture


@pytest.fixture
def style() -> torch.Tensor:
    """A painting, (3, 40, 56) in [0, 1]: warm diagonal strokes with a little grain."""
    generator = torch.Generator().manual_seed(7)
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(56.0), indexing="ij")
    waves = torch.stack([0.5 + 0.35 * torch.sin((x + 2 * y) / step) for step in (2.0, 3.0, 5.0)])
    grain = 0.1 * (torch.rand((3, 40, 56), generator=generator) - 0.5)
    return (waves * torch.tensor([1.0, 0.7, 0.4])[:, None, None] + grain).clamp(0, 1)


@pytest.fixture
def content_path(tmp_path: Path, content: torch.Tensor) -> Path:
    """The content as `content.png`."""
    return _save(tmp_path / "content.png", content)


@pytest.fixture
def style_path(tmp_path: Path, style: torch.Tensor) -> Path:
    """The style as `style.png`."""
    return _save(tmp_path / "style.png", style)


@pytest.fixture(scope="session")
def shared_images() -> Path:
    """The folder with `content/` and `style/` photos and paintings; skips where it is absent."""
    if not SHARED_IMAGES.is_dir():
        pytest.skip(f"no pictures in {SHARED_IMAGES}")
    return SHARED_IMAGES


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take long where other programs want the cores, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _own_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither the user's options nor the user's cache reach a test."""
    for name in [name for name in os.environ if name.startswith("STYLECLI_")]:
        monkeypatch.delenv(name)
    cache = str(tmp_path_factory.mktemp("cache"))
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, cache)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Only this machine can be reached, unless the test is marked `network`."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not (host.startswith("127.") or host in ("localhost", "::1")):
                raise OSError(f"a test tried to reach {host}: mark it `network`")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and not torch.cuda.is_available():
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _save(path: Path, picture: torch.Tensor) -> Path:
    pixels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(numpy.ascontiguousarray(pixels)).save(path)
    return path
