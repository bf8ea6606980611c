"""CUDA graph of an iteration, captured once and replayed: one launch instead of some 1500.

At 512 pixels an H100 computes an iteration faster than a processor can launch its kernels one
by one. A captured iteration must neither wait for the device nor depend on Python state.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import torch

from stylecli.errors import is_out_of_memory
from stylecli.messages import short_repr

WARM_UP: Final = 3  # iterations run as usual first, so that libraries have set themselves up
AHEAD: Final = 2  # iterations that may be queued: a callback then sees one that is as recent


class GraphReplay:
    """CUDA graph replay: `body` is called a few times, then captured; elsewhere always called.

    Warm-up and capture use one stream of the device, whichever device is current: on another
    one's stream a graph would capture nothing. `failure` says why an iteration could not be
    captured; it is then called each time, which is right as well, but slower.
    """

    def __init__(
        self, body: Callable[[], None], device: torch.device, *, captures: bool = True
    ) -> None:
        self.body = body
        self.device = device
        self.calls = 0
        self.captures = captures and device.type == "cuda"
        self.failure: str | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream: torch.cuda.Stream | None = None
        self._queued: deque[torch.cuda.Event] = deque()

    def __call__(self) -> None:
        """One iteration."""
        self.calls += 1
        if self.device.type != "cuda":
            self.body()
            return
        with torch.cuda.device(self.device):
            if self._graph is not None:
                self._graph.replay()
            elif not self.captures:
                self.body()
            elif self.calls <= WARM_UP:
                self._warm_up()
            else:
                self._capture()
            self._wait_for_earlier()

    def _warm_up(self) -> None:
        """Call on the stream that captures: its memory is then not in use elsewhere."""
        current, side = torch.cuda.current_stream(self.device), self._side_stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            self.body()
        current.wait_stream(side)

    def _capture(self) -> None:
        """Capture an iteration, then run it; where that cannot be done, go on as before."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._side_stream()):
                self.body()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self.captures = False
            self.failure = short_repr(str(error))
            self.body()
            return
        self._graph = graph
        graph.replay()

    def _side_stream(self) -> torch.cuda.Stream:
        if self._stream is None:
            self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        return self._stream

    def _wait_for_earlier(self) -> None:
        """Let the processor be at most `AHEAD` iterations ahead of the device."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._queued.append(event)
        if len(self._queued) > AHEAD:
            self._queued.popleft().synchronize()
