"""Live page of a run: its picture, losses and time left, at an address of this machine."""

import functools
import io
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

import torch

from stylecli.errors import OutputError
from stylecli.images.alpha import on_white
from stylecli.images.writing import to_pil
from stylecli.messages import reason
from stylecli.monitor.loopback_server import ADDRESS, PATIENCE, LoopbackServer
from stylecli.provenance.recipe import finite
from stylecli.transfer.resample import fit, resize
from stylecli.transfer.results import Progress

POINTS: Final = 400  # of the plot, at most
FRESH: Final = 1.0  # seconds between two pictures
WATCHED: Final = 5.0  # seconds after its last request in which a browser still counts as open
LONGEST: Final = 1024  # pixels of the long side that a page needs
POLL: Final = 0.05  # seconds


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
        self._jpeg = -1, b""
        try:
            self.server = LoopbackServer(port, self)
        except (OSError, OverflowError) as error:
            why = reason(error) if isinstance(error, OSError) else "no such port"
            raise OutputError(f"cannot serve a page on {ADDRESS}:{port}: {why}.") from error
        # The default interval, half a second, would be a wait at the end of the run.
        serve = functools.partial(self.server.serve_forever, poll_interval=POLL)
        self.thread = threading.Thread(target=serve, daemon=True)

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://{ADDRESS}:{self.server.server_port}/{self.server.token}/"

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
