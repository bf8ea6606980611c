"""Iterations as a run reports them, and requests to its page."""

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli.monitor.live_page import Watch
from stylecli.monitor.loopback_server import ADDRESS
from stylecli.transfer.results import Losses, Progress


@pytest.fixture
def page() -> Iterator[Watch]:
    picture = torch.full((3, 6, 8), 0.25)
    losses = Losses(1.0, 0.5, 0.1)
    with Watch() as page:
        page(Progress(1, 1, 8, 6, 4, 4, 1.0, losses, lambda: picture))
        yield page


def step(number: int, width: int = 32, height: int = 24, last: bool = False) -> Progress:
    """An iteration whose picture is of one gray, lighter each time."""
    scale = (2, 2, width, height, number, number if last else 99)
    losses = Losses(1.0, 0.5, 0.1)
    return Progress(
        *scale, 0.5, losses, lambda: torch.full((3, height, width), min(1.0, number / 20))
    )


def run(listener: Callable[[Progress], None], iterations: int = 10) -> None:
    """Half of the iterations at half of the size, as a real run has it."""
    for number in range(1, iterations + 1):
        size = (16, 12) if number <= iterations // 2 else (32, 24)
        listener(step(number, *size))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ask(page: Watch, path: str = "/", method: str = "GET", **headers: str) -> Any:
    """The status, the headers and the body of an answer."""
    connection = http.client.HTTPConnection(ADDRESS, page.server.server_port, timeout=30)
    try:
        connection.request(method, f"/{page.server.token}{path}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def connect(page: Watch) -> socket.socket:
    return socket.create_connection((ADDRESS, page.server.server_port), timeout=30)


def send(page: Watch, data: bytes, *, waits: bool = True) -> bytes:
    """What comes back for raw bytes, where somebody waits for it; the page may hang up first."""
    found: list[bytes] = []
    with connect(page) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            if not waits:
                return b""
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                found.append(chunk)
    return b"".join(found)
