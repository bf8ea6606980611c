"""Servers that hang, lie, or send what is no answer: exit 6, and the cache is left clean."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stylecli.encoder import download
from stylecli.encoder.cache import hub_folder

from .scale import entries_of


def _answers() -> dict[str, list[bytes]]:
    """What a server sends, in parts; then it says nothing more, or hangs up."""
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /models/vgg19-narrow.pth\r\n\r\n"
    return {
        "nothing": [],
        "garbage": [b"\x00\xff\x16\x03\x01 garbage \r\n\r\n"],
        "endless status": [b"H" * 70000],
        "endless header": [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000],
        "many headers": [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n"],
        "a page": [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>sign in</html>"],
        "bad chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"],
        "negative length": [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc"],
        "no number": [b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc"],
        "half": [b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1000)],
        "a loop": [redirect],
        "another scheme": [b"HTTP/1.1 301 x\r\nLocation: ftp://127.0.0.1/a\r\n\r\n"],
        "local": [b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n"],
        "no place": [b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n"],
        "a command": [b"HTTP/1.1 404 \x1b]0;title\x07\x1b[2J\r\n\r\n"],
    }


@pytest.fixture
def rude(published: bytes, monkeypatch: Any) -> Iterator[Callable[[list[bytes], bool], None]]:
    """A server that answers every call with the same bytes, then hangs up or just waits."""
    listener = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []
    open_ones: list[socket.socket] = []
    waits = [False]

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            open_ones.append(caller)
            try:
                caller.recv(65536)
                for part in said:
                    caller.sendall(part)
                if not waits[0]:
                    caller.close()
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv(
        "STYLECLI_WEIGHTS_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/models"
    )
    monkeypatch.setattr(download, "TIMEOUT", 0.3)

    def answer(parts: list[bytes], waiting: bool) -> None:
        said[:], waits[0] = parts, waiting

    yield answer
    for caller in open_ones:
        caller.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.mark.parametrize("waits", [False, True], ids=["hangs up", "waits"])
@pytest.mark.parametrize("name", _answers())
def test_servers(name: str, waits: bool, rude: Any, refused_with: Any) -> None:
    rude(_answers()[name], waits)
    said = refused_with("torchvision-vgg19")
    assert "vgg19-narrow.pth" in said or "over https only" in said
    assert said.isprintable()
    assert entries_of(hub_folder()) == []
