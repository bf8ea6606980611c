"""Live page of a run: an HTTP server on this machine alone.

The server binds to the loopback address and answers GET on five paths below a secret one, since
every user of this machine can reach it. It refuses requests of other sites, by their own headers,
and those whose Host header is not its own: a page elsewhere cannot reach it through a name that
resolves to this machine (DNS rebinding). No request changes anything.
"""

import contextlib
import functools
import hmac
import io
import json
import os
import secrets
import socket
import threading
import time
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import torch

from stylecli.errors import OutputError
from stylecli.images.alpha import on_white
from stylecli.images.writing import to_pil
from stylecli.messages import reason
from stylecli.provenance.recipe import finite
from stylecli.transfer.resample import fit, resize
from stylecli.transfer.results import Progress

ADDRESS: Final = "127.0.0.1"
POINTS: Final = 400  # of the plot, at most
FRESH: Final = 1.0  # seconds between two pictures
WATCHED: Final = 5.0  # seconds after its last request in which a browser still counts as open
LONGEST: Final = 1024  # pixels of the long side that a page needs
PATIENCE: Final = 5.0  # seconds a connection may take in all
CONNECTIONS: Final = 16  # at a time; the oldest gives way to a new one
POLL: Final = 0.05  # seconds

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


class Watch:
    """Serves the page from its own thread; called with each iteration's progress."""

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.Lock()
        self.started = time.monotonic()
        self.last_request = float("-inf")
        self.losses: list[tuple[float, float, float]] = []
        self.progress: Progress | None = None
        self.image: torch.Tensor | None = None
        self.pictures = 0
        self.taken = float("-inf")
        self.token = secrets.token_urlsafe(16)
        self._jpeg = -1, b""
        try:
            self.server = _Server((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            why = reason(error) if isinstance(error, OSError) else "no such port"
            raise OutputError(f"cannot serve a page on {ADDRESS}:{port}: {why}.") from error
        self.server.watch = self
        # The default interval, half a second, would be a wait at the end of the run.
        serve = functools.partial(self.server.serve_forever, poll_interval=POLL)
        self.thread = threading.Thread(target=serve, daemon=True)

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://{ADDRESS}:{self.server.server_port}/{self.token}/"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE)

    def __call__(self, progress: Progress) -> None:
        """One iteration; copies the picture only where a browser is open."""
        losses = progress.losses
        now = time.monotonic()
        last = progress.scale == progress.scales and progress.iteration == progress.iterations
        due = last or (now - self.taken >= FRESH and now - self.last_request <= WATCHED)
        image = progress.image() if due else None
        if image is not None and (alpha := progress.alpha()) is not None:
            image = on_white(image, alpha)
        with self.lock:
            self.progress = progress
            self.losses.append((losses.total, losses.content, losses.style))
            if image is not None:
                self.image, self.taken = image, now
                self.pictures += 1

    def state(self) -> dict[str, Any]:
        """State of the run for the page, as plain values."""
        with self.lock:
            self.last_request = time.monotonic()
            progress, rows = self.progress, self.losses[:: -(-len(self.losses) // POINTS) or 1]
            pictures = self.pictures
        if progress is None:
            return {"where": "Starting", "fraction": 0.0, "losses": [], "picture": -1, "width": 0}
        elapsed = time.monotonic() - self.started
        left = elapsed * (1 - progress.fraction) / max(progress.fraction, 1e-6)
        return {
            "where": f"Scale {progress.scale} of {progress.scales}, {progress.width}x"
            f"{progress.height}, iteration {progress.iteration} of {progress.iterations}, "
            f"about {left:.0f} s left",
            "fraction": progress.fraction,
            "losses": [[finite(value) for value in row] for row in rows],
            "picture": pictures,
            "width": progress.width,
            "finished": progress.fraction >= 1.0,
        }

    def picture(self) -> bytes:
        """The last picture as JPEG, encoded once; a gray pixel before there is one."""
        with self.lock:
            image, number, (known, data) = self.image, self.pictures, self._jpeg
        if number == known:
            return data
        if image is None:
            image = torch.full((3, 1, 1), 0.5)
        if max(image.shape) > LONGEST:
            image = resize(image[None], fit((image.shape[-2], image.shape[-1]), LONGEST))[0]
        file = io.BytesIO()
        to_pil(image).save(file, "JPEG", quality=85)
        with self.lock:
            self._jpeg = number, file.getvalue()
        return file.getvalue()


def local_hosts(port: int) -> tuple[str, ...]:
    """Host headers that a browser of this machine sends."""
    names = (ADDRESS, "localhost")
    plain = names if port == HTTP_PORT else ()  # browsers leave out the port that is understood
    return (*plain, *(f"{name}:{port}" for name in names))


def _cut(connection: socket.socket) -> None:
    """End a connection; the thread that reads from it wakes up, and closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 4 * CONNECTIONS
    # Else a port is taken for a minute after a run. On Windows it would let others share the port.
    allow_reuse_address = os.name == "posix"
    watch: Watch

    def __init__(self, *arguments: Any) -> None:
        self.connections: dict[socket.socket, float] = {}  # and when each began, in order
        self.guard = threading.Lock()
        super().__init__(*arguments)

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
    server: _Server
    timeout = PATIENCE
    server_version = "stylize"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one of the known paths."""
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self.server.watch.token.encode())
        if not (known and slash and self._is_ours()):
            self._refuse(403)
            return
        path = f"/{name}"
        if path in _FILES:
            name, kind = _FILES[path]
            self._send((_PAGES / name).read_bytes(), kind)
        elif path == "/state.json":
            self._send(json.dumps(self.server.watch.state()).encode(), "application/json")
        elif path == "/picture.jpg":
            self._send(self.server.watch.picture(), "image/jpeg")
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
