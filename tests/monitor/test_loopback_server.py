"""What the server of a page answers, and to whom."""

import socket
from pathlib import Path

import pytest

from stylecli.errors import OutputError
from stylecli.monitor import loopback_server
from stylecli.monitor.live_page import Watch
from stylecli.monitor.loopback_server import ADDRESS, local_hosts

from .conftest import ask, send

PAGES = Path(loopback_server.__file__).parent

KNOWN = {
    "/": ("text/html; charset=utf-8", "watch.html"),
    "/watch.css": ("text/css; charset=utf-8", "watch.css"),
    "/watch.js": ("text/javascript; charset=utf-8", "watch.js"),
    "/state.json": ("application/json", None),
    "/picture.jpg": ("image/jpeg", None),
}


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
