"""CUDA graph of an iteration, captured once and replayed: one launch instead of some 600.

At 512 pixels an H100 computes an iteration faster than a processor can launch its kernels one
by one. A captured iteration must neither wait for the device nor depend on Python state.
"""

from collections.abc import Callable
from typing import Final

import torch

from stylecli.errors import is_out_of_memory

WARM_UP: Final = 3  # iterations run as usual first, so that libraries have set themselves up


class GraphReplay:
    """CUDA graph replay: `body` is called a few times, then captured; elsewhere always called."""

    def __init__(self, body: Callable[[], None], device: torch.device) -> None:
        self.body = body
        self.calls = 0
        self.captures = device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """One iteration."""
        self.calls += 1
        if not self.captures:
            self.body()
        elif self._graph is not None:
            self._graph.replay()
        elif self.calls <= WARM_UP:
            self._on_the_side()
        else:
            self._capture()

    def _on_the_side(self) -> None:
        """Call on a side stream, as a capture will be: its memory is then not in use elsewhere."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self.body()
        torch.cuda.current_stream().wait_stream(side)

    def _capture(self) -> None:
        """Capture an iteration, then run it; where that cannot be done, go on as before."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.body()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self.captures = False
            self.body()
            return
        self._graph = graph
        graph.replay()
