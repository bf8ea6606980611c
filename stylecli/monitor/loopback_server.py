"""HTTP server of a page, on this machine alone.

It binds to the loopback address and answers GET on five paths below a secret one, since every user
of this machine can reach it. It refuses requests of other sites, by their own headers, and those
whose Host header is not its own: a page elsewhere cannot reach it through a name that resolves to
this machine (DNS rebinding). No request changes anything.
"""

import contextlib
import hmac
import json
import os
import secrets
import socket
import threading
import time
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

ADDRESS: Final = "127.0.0.1"
PATIENCE: Final = 5.0  # seconds a connection may take in all
CONNECTIONS: Final = 16  # at a time; the oldest gives way to a new one

_PAGES: Final = Path(__file__).parent
_FILES: Final = {
    "/": ("watch.html", "text/html; charset=utf-8"),
    "/watch.css": ("watch.css", "text/css; charset=utf-8"),
    "/watch.js": ("watch.js", "text/javascript; charset=utf-8"),
}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Page(Protocol):
    """Page of a run: its state, and its picture so far."""

    def state(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""

    def picture(self) -> bytes:
        """A JPEG."""


def local_hosts(port: int) -> tuple[str, ...]:
    """Host headers that a browser of this machine sends."""
    names = (ADDRESS, "localhost")
    plain = names if port == HTTP_PORT else ()  # browsers leave out the port that is understood
    return (*plain, *(f"{name}:{port}" for name in names))


def _cut(connection: socket.socket) -> None:
    """End a connection; the thread that reads from it wakes up, and closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class LoopbackServer(ThreadingHTTPServer):
    """Serves one page below a token of its own."""

    daemon_threads = True
    request_queue_size = 4 * CONNECTIONS
    # Else a port is taken for a minute after a run. On Windows it would let others share the port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, page: Page) -> None:
        self.page = page
        self.token = secrets.token_urlsafe(16)
        self.connections: dict[socket.socket, float] = {}  # and when each began, in order
        self.guard = threading.Lock()
        super().__init__((ADDRESS, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a new thread; the oldest connection ends where too many are open."""
        with self.guard:
            self.connections[request] = time.monotonic()
            for oldest in list(self.connections)[:-CONNECTIONS]:
                _cut(oldest)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Free the place afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.guard:
                self.connections.pop(request, None)

    def service_actions(self) -> None:
        """End every connection that takes too long in all: each byte would prolong a timeout."""
        with self.guard:
            for request, began in self.connections.items():
                if time.monotonic() - began <= PATIENCE:
                    break  # those after it are younger
                _cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a connection that breaks."""


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer
    timeout = PATIENCE
    server_version = "stylize"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one of the known paths."""
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if not (known and slash and self._is_ours()):
            self._refuse(403)
            return
        path = f"/{name}"
        if path in _FILES:
            name, kind = _FILES[path]
            self._send((_PAGES / name).read_bytes(), kind)
        elif path == "/state.json":
            self._send(json.dumps(self.server.page.state()).encode(), "application/json")
        elif path == "/picture.jpg":
            self._send(self.server.page.picture(), "image/jpeg")
        else:
            self._refuse(404)

    def _is_ours(self) -> bool:
        """Whether a request is for this page by name, and no other site's page has sent it."""
        hosts = local_hosts(self.server.server_port)
        named = self.headers.get_all("Host") or []
        origins = self.headers.get_all("Origin") or []
        sites = self.headers.get_all("Sec-Fetch-Site") or []
        return (
            len(named) == 1
            and named[0] in hosts
            and all(origin in [f"http://{host}" for host in hosts] for origin in origins)
            and all(site in ("same-origin", "none") for site in sites)
        )

    def _send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self._finish(data)

    def _refuse(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self._finish(b"")

    def _finish(self, data: bytes) -> None:
        self.send_header("Content-Length", str(len(data)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Every other method and malformed request, without an echo of what was sent."""
        self._refuse(405 if code == 501 else code)

    def log_message(self, format: str, *values: Any) -> None:  # noqa: A002
        """Silence: the library does not print."""

    def setup(self) -> None:
        """Set TCP_NODELAY: answers are small, and sent at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
