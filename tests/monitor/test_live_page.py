"""The page that shows a run: what it answers, to whom, and what cannot shake it."""

import http.client
import io
import json
import math
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.errors import OutputError
from stylecli.images.writing import to_pil
from stylecli.monitor import live_page
from stylecli.monitor.live_page import LONGEST, POINTS, Watch
from stylecli.monitor.loopback_server import ADDRESS, local_hosts
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Losses, Progress

PAGES = Path(live_page.__file__).parent
KNOWN = {
    "/": ("text/html; charset=utf-8", "watch.html"),
    "/watch.css": ("text/css; charset=utf-8", "watch.css"),
    "/watch.js": ("text/javascript; charset=utf-8", "watch.js"),
    "/state.json": ("application/json", None),
    "/picture.jpg": ("image/jpeg", None),
}


@pytest.fixture(scope="module")
def page() -> Iterator[Watch]:
    """A page that no run has come to."""
    with Watch() as page:
        yield page


@pytest.fixture
def running() -> Iterator[Watch]:
    with Watch() as page:
        yield page


def step(number: int = 1, size: tuple[int, int] = (8, 6), total: float = 1.0) -> Progress:
    """An iteration at the second of two scales; of four the last one ends the run."""
    width, height = size
    color = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, height, width)
    losses = Losses(total, 0.5, 0.1)
    return Progress(2, 2, width, height, number, 4, number / 4, losses, lambda: color)


def ask(page: Watch, path: str = "/", method: str = "GET", **headers: str) -> Any:
    """The status, the headers and the body of an answer."""
    connection = http.client.HTTPConnection(ADDRESS, page.server.server_port, timeout=30)
    try:
        connection.request(method, f"/{page.server.token}{path}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def send(page: Watch, data: bytes) -> bytes:
    """What comes back for raw bytes."""
    with socket.create_connection((ADDRESS, page.server.server_port), timeout=30) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("path", KNOWN)
@pytest.mark.parametrize("query", ["", "?", "?a=1&b=../../x"])
def test_known_paths(page: Watch, path: str, query: str) -> None:
    kind, name = KNOWN[path]
    status, headers, body = ask(page, path + query)
    assert (status, headers["Content-Type"]) == (200, kind)
    assert headers["Content-Length"] == str(len(body))
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Python" not in headers["Server"]
    if name is not None:
        assert body == (PAGES / name).read_bytes()


def test_the_page_asks_for_known_paths_alone() -> None:
    html = (PAGES / "watch.html").read_text()
    assert all(f'"{path}"' in html for path in ("watch.css", "watch.js"))
    script = (PAGES / "watch.js").read_text()
    assert '"state.json"' in script and "`picture.jpg?" in script
    assert "http://" not in html and "https://" not in html + script


@pytest.mark.parametrize(
    "path",
    [
        "/watch.html",
        "/../watch.py",
        "/%2e%2e/watch.py",
        "/pages/watch.js",
        "/state.json/",
        "/?/x/y/",
    ],
)
def test_other_paths(page: Watch, path: str) -> None:
    assert ask(page, path)[0] == (200 if path.startswith("/?") else 404)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X"]
)
def test_other_methods(page: Watch, method: str) -> None:
    for path in ("/", "/state.json", "/none"):
        status, _, body = ask(page, path, method)
        assert (status, body) == (405, b"")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{}", "127.0.0.1", "localhost:1", "127.0.0.1:{}.", "[::1]:{}"],
)
def test_foreign_hosts(page: Watch, host: str) -> None:
    for path in (*KNOWN, "/none"):
        status, _, body = ask(page, path, Host=host.format(page.server.server_port))
        assert (status, body) == (403, b"")


@pytest.mark.parametrize("token", ["", "/", "/x", "/{}x", "/{}/..", "/%2e/{}", "/\xe9"])
def test_who_does_not_know_the_address(page: Watch, token: str) -> None:
    """Every user of this machine can reach the port, and is given nothing."""
    host = f"Host: {ADDRESS}:{page.server.server_port}\r\n\r\n"
    for path in KNOWN:
        line = f"GET {token.format(page.server.token)}{path} HTTP/1.1\r\n{host}"
        answer = send(page, line.encode("latin-1"))
        assert answer.startswith((b"HTTP/1.0 403 ", b"HTTP/1.0 404 "))
        assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Sec-Fetch-Site", "none", 200),
        ("Sec-Fetch-Site", "same-origin", 200),
        ("Origin", "https://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://127.0.0.1:{}", 200),
        ("Origin", "http://127.0.0.1:1", 403),
    ],
)
def test_requests_of_other_sites(page: Watch, header: str, value: str, expected: int) -> None:
    for path in KNOWN:
        status, _, body = ask(page, path, **{header: value.format(page.server.server_port)})
        assert status == expected and (expected == 200 or body == b"")


def test_a_picture_is_encoded_once(running: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []

    def encode(image: torch.Tensor) -> Image.Image:
        encoded.append(1)
        return to_pil(image)

    monkeypatch.setattr(live_page, "to_pil", encode)
    running(step(4))
    first = [running.picture() for _ in range(3)]
    assert len(encoded) == 1 and first[0] == first[2]
    running(step(4, (9, 9)))
    assert running.picture() != first[0]


def test_own_hosts(page: Watch) -> None:
    assert local_hosts(80) == ("127.0.0.1", "localhost", "127.0.0.1:80", "localhost:80")
    for name in (ADDRESS, "localhost"):
        assert ask(page, Host=f"{name}:{page.server.server_port}")[0] == 200
    own = f"Host: {ADDRESS}:{page.server.server_port}\r\n"
    for hosts in ("", "Host:\r\n", own + own, own + "Host: evil.example\r\n"):
        answer = send(page, f"GET /{page.server.token}/ HTTP/1.1\r\n{hosts}\r\n".encode())
        assert answer.startswith(b"HTTP/1.0 403 ")


def test_only_this_machine_is_answered(page: Watch) -> None:
    assert page.server.server_address[0] == ADDRESS
    assert page.url == f"http://127.0.0.1:{page.server.server_port}/{page.server.token}/"
    with pytest.raises(OSError), socket.socket() as other:
        other.settimeout(2)
        other.connect(("127.0.0.2", page.server.server_port))


def test_a_port_that_is_taken(page: Watch) -> None:
    port = page.server.server_port
    with pytest.raises(OutputError, match=f"^cannot serve a page on 127.0.0.1:{port}: .* in use"):
        Watch(port)
    with pytest.raises(OutputError, match="no such port"):
        Watch(70000)


def test_before_the_first_iteration(page: Watch) -> None:
    state = json.loads(ask(page, "/state.json")[2])
    assert state == {"where": "Starting", "fraction": 0, "losses": [], "picture": -1, "width": 0}
    with Image.open(io.BytesIO(ask(page, "/picture.jpg")[2])) as image:
        assert (image.format, image.size) == ("JPEG", (1, 1))


def test_the_state_of_a_run(running: Watch) -> None:
    for number, total in ((1, 2.0), (2, math.inf), (3, 0.5)):
        running(step(number, total=total))
    state = json.loads(ask(running, "/state.json")[2], parse_constant=pytest.fail)
    where = state.pop("where")
    assert where.startswith("Scale 2 of 2, 8x6, iteration 3 of 4, about ")
    assert where.endswith(" s left")
    losses = [[2.0, 0.5, 0.1], [None, 0.5, 0.1], [0.5, 0.5, 0.1]]
    expected = {"fraction": 0.75, "losses": losses, "picture": 0, "width": 8, "finished": False}
    assert state == expected
    running(step(4))
    assert json.loads(ask(running, "/state.json")[2])["finished"] is True


@pytest.mark.parametrize("count", [POINTS, POINTS + 1, 2 * POINTS - 1, 5 * POINTS])
def test_a_long_run_is_few_points(count: int) -> None:
    page = Watch()
    page.server.server_close()
    for _ in range(count):
        page(step(1))
    assert POINTS / 2 < len(page.state()["losses"]) <= POINTS


def test_pictures_are_taken_where_somebody_watches(running: Watch, monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("stylecli.monitor.live_page.time.monotonic", lambda: now[0])

    def pictures(after: float, number: int = 1) -> int:
        now[0] += after
        running(step(number))
        return running.pictures

    assert pictures(0.0) == 0  # nobody has asked
    running.state()
    assert [pictures(0.1), pictures(0.5), pictures(0.6)] == [1, 1, 2]
    assert pictures(60.0) == 2  # they have left
    assert pictures(0.1, number=4) == 3  # the last one is kept anyway
    running.picture()


def test_the_picture(running: Watch) -> None:
    for size, shown in (((8, 6), (8, 6)), ((2 * LONGEST, 10), (LONGEST, 5))):
        running(step(4, size))
        with Image.open(io.BytesIO(ask(running, "/picture.jpg")[2])) as image:
            assert (image.format, image.size) == ("JPEG", shown)
            red, green, blue = np.asarray(image)[3, 4]
            assert red > 240 and green < 15 and blue < 15


def test_a_real_run(running: Watch, content: torch.Tensor, style: torch.Tensor) -> None:
    seen: list[dict[str, Any]] = []

    def tell(progress: Progress) -> None:
        running(progress)
        seen.append(json.loads(ask(running, "/state.json")[2]))

    result = stylize(content, style, settings=Settings(iterations=3), on_progress=tell)
    assert [len(state["losses"]) for state in seen] == [1, 2, 3]
    fractions = [state["fraction"] for state in seen]  # the style's preparation counts as well
    assert 1 / 3 < fractions[0] < fractions[1] < fractions[2] == 1.0
    with Image.open(io.BytesIO(ask(running, "/picture.jpg")[2])) as image:
        assert image.size == (64, 48)
        mean = torch.tensor(np.asarray(image.resize((1, 1), Image.Resampling.BOX))[0, 0])
    assert torch.allclose(mean / 255, result.image.mean((1, 2)), atol=0.02)


def test_it_ends_with_the_run() -> None:
    with pytest.raises(ZeroDivisionError), Watch() as page:
        assert ask(page)[0] == 200
        raise ZeroDivisionError
    assert not page.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        ask(page)
    with Watch(page.server.server_port) as again:  # the port is free
        assert again.server.server_port == page.server.server_port
        assert again.server.token != page.server.token
