"""A thousand requests that are none, and connections that never end: the page stays."""

import contextlib
import random
import sys
import threading
from typing import Any

import pytest

from stylecli.monitor.live_page import Watch
from stylecli.monitor.loopback_server import ADDRESS, CONNECTIONS, PATIENCE, _Handler

from .conftest import ask, connect, send

PATHS = (b"/", b"/state.json", b"/picture.jpg", b"/watch.js", b"/../../etc/passwd", b"*", b"")


def frozen(page: Watch) -> Any:
    """What a request could change, if it could change anything."""
    state = page.state()
    state.pop("where")  # which tells the time
    return state, page.picture(), page.pictures, len(page.losses)


def junk(chance: random.Random, page: Watch) -> tuple[bytes, bool]:
    """Bytes to send, and whether to wait for an answer."""
    token = chance.choice((b"", f"/{page.server.token}".encode()))
    path, line = token + chance.choice(PATHS), chance.randbytes(chance.randint(0, 60))
    host = b"Host: 127.0.0.1:%d\r\n" % page.server.server_port
    kinds = (
        chance.randbytes(chance.randint(0, 3000)),
        line.replace(b"\n", b"") + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + host + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n" + host + b"\r\n",
        b"GET " + path + b"\r\n",  # HTTP/0.9
        b"GET " + path + b" HTTP/" + line + b"\r\n" + host + b"\r\n",
        b"GET " + path + b" HTTP/3.0\r\n" + host + b"\r\n",
        b"GET " + path + b" HTTP/1.1\r\nHost: " + line + b"\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\nContent-Length: 9\r\n" + host + b"\r\nstop=true",
        b"PUT " + path + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + host + b"\r\n-1\r\n",
        line + b" " + path + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET " + path + b" HTTP/1.1\r\n" + host[: chance.randint(0, 20)],  # half of one
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(300),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"",
    )
    return chance.choice(kinds), chance.random() < 0.8


def test_a_thousand_junk_requests_change_nothing(
    page: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, chance = frozen(page), random.Random(11)
    errors: list[Any] = []
    monkeypatch.setattr(page.server, "handle_error", lambda *_: errors.append(sys.exc_info()[1]))
    for number in range(1000):
        data, waits = junk(chance, page)
        answer = send(page, data, waits=waits)
        assert not answer or answer.startswith(b"HTTP/1.0 4") or answer.startswith(b"HTTP/1.0 5")
        assert b"\r\n\r\n" not in answer or answer.endswith(b"\r\n\r\n")  # no echo of what was sent
        if number % 100 == 99:
            assert ask(page)[0] == 200
    assert frozen(page) == before
    assert [error for error in errors if not isinstance(error, ConnectionError)] == []
    assert page.thread.is_alive()
    assert ask(page, "/state.json")[0] == ask(page, "/picture.jpg")[0] == 200


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"414"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000, b"431"),
        (b"GET / HTTP/1.1" + b"\r\nA: b" * 200, b"431"),
        (b"BREW / HTTP/1.1", b"405"),
        (b"GET /none HTTP/1.1", b"403"),
    ],
)
def test_what_is_no_request(page: Watch, request_line: bytes, expected: bytes) -> None:
    host = f"Host: {ADDRESS}:{page.server.server_port}".encode()
    answer = send(page, request_line + b"\r\n" + host + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 " + expected)
    assert answer.endswith(b"\r\n\r\n") and b"BREW" not in answer


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/2.0", b"GET / HTTP/x", b"GET", b"\0", b"A B C D", b""]
)
def test_what_is_no_http_at_all_is_hung_up_on(page: Watch, line: bytes) -> None:
    assert send(page, line + b"\r\n\r\n") == b""


def test_the_oldest_http_gets_nothing_without_a_host(page: Watch) -> None:
    assert send(page, b"GET /\r\n\r\n") == b""


def test_one_request_a_connection(page: Watch) -> None:
    host = f"Host: {ADDRESS}:{page.server.server_port}\r\nConnection: keep-alive\r\n\r\n".encode()
    answer = send(page, (f"GET /{page.server.token}/watch.css HTTP/1.1\r\n".encode() + host) * 3)
    assert answer.count(b"HTTP/1.0 200") == 1
    assert b"Connection: close" in answer


def test_half_a_request_is_not_waited_for(page: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _Handler.timeout == PATIENCE
    monkeypatch.setattr(_Handler, "timeout", 0.05)
    for data in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: "):
        with connect(page) as connection:
            connection.sendall(data)
            assert connection.recv(1000) == b""  # it hung up


def test_bytes_now_and_then_do_not_prolong_a_request(
    page: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One deadline for all of it, while each byte comes well within the socket's own timeout."""
    monkeypatch.setattr("stylecli.monitor.loopback_server.PATIENCE", 0.3)
    with connect(page) as connection:
        connection.settimeout(0.02)
        for _ in range(1500):
            with contextlib.suppress(TimeoutError):
                if connection.recv(100) == b"":
                    return
            connection.send(b"G")
    pytest.fail("it is still listened to")


def test_slow_connections_do_not_lock_the_page(page: Watch) -> None:
    held = [connect(page) for _ in range(3 * CONNECTIONS)]
    try:
        for each in held:
            with contextlib.suppress(OSError):
                each.sendall(b"GET / HTTP/1.1\r\n")
        assert ask(page)[0] == 200
        assert held[0].recv(1) == b""  # the oldest gave way
    finally:
        for each in held:
            each.close()


def test_many_readers_in_one_run(page: Watch) -> None:
    wrong: list[int] = []

    def read() -> None:
        for path in ("/", "/state.json", "/picture.jpg") * 5:
            if (found := ask(page, path)[0]) != 200:
                wrong.append(found)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    progress = page.progress
    assert progress is not None
    for _ in range(200):
        page(progress)
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(page.losses) == 201
