"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

from stylecli.messages import escaped

if TYPE_CHECKING:
    from stylecli.transfer.results import Preparation, Progress

PLAIN_INTERVAL: Final = 10.0  # seconds between plain lines
NARROWEST: Final = 20  # columns of a terminal that a bar can be drawn on
_BAR: Final = "{desc} |{bar}| {percentage:3.0f}%{postfix}"
_DOWNLOAD_BAR: Final = "{desc} |{bar}| {n_fmt} of {total_fmt}B, {remaining} left"


class Screen:
    """Messages and the progress bar of a running command.

    `say` is for steps that may take a while, `note` for what a user should know at the end,
    `step` and `download` are the library's callbacks. With `quiet` all of them are silent.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet or self._stream is None
        self._clock = clock
        self._started: float | None = None
        self._printed = float("-inf")
        self._scale = 0
        self._bar: Any = None
        self._lively = not self._quiet and is_lively(self._stream)

    def say(self, text: str, *, always: bool = False) -> None:
        """One line, at once; what is no letter in a file's name is escaped.

        `always`, with `quiet` as well, is for what was asked for by an option of its own.
        """
        if self._quiet and not always:
            return
        self.close()
        with contextlib.suppress(OSError, ValueError):  # a closed stderr must not stop the work
            print(escaped(text), file=self._stream or sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """A sentence the user should not miss."""
        self.say(f"Note: {text}")

    def step(self, progress: "Progress") -> None:
        """Progress callback: one iteration is done."""
        if self._quiet:
            return
        now = self._clock()
        if self._started is None:
            self._started = now
        left = _time_left(now - self._started, progress.fraction)
        if self._lively:
            with contextlib.suppress(OSError):  # a terminal that was closed must not stop the work
                self._move_bar(progress, left)
        elif progress.scale != self._scale or now - self._printed >= PLAIN_INTERVAL:
            self._printed, self._scale = now, progress.scale
            self.say(
                f"{describe_scale(progress)}, iteration {progress.iteration} of "
                f"{progress.iterations}: {describe_losses(progress)}{left}"
            )

    def prepare(self, preparation: "Preparation") -> None:
        """Preparation callback: a part of a style has been looked at."""
        if self._quiet:
            return
        now = self._clock()
        if self._started is None:
            self._started = now
        scale, left = (
            describe_scale(preparation),
            _time_left(now - self._started, preparation.fraction),
        )
        if self._lively:
            bar = self._bar or self._new_bar(total=1.0, bar_format=_BAR, desc=scale)
            bar.set_description_str(scale, refresh=False)
            bar.set_postfix_str(f"looking at the style{left}", refresh=False)
            bar.update(max(0.0, preparation.fraction - bar.n))
        elif now - max(self._printed, self._started) >= PLAIN_INTERVAL:
            self._printed = now
            self.say(f"{scale}, looking at the style{left}")

    def advance(self, fraction: float, text: str) -> None:
        """Move a batch's bar to the share that is done, in [0, 1]."""
        if self._quiet:
            return
        now = self._clock()
        if self._started is None:
            self._started = now
        left = _time_left(now - self._started, fraction)
        if self._lively:
            bar = self._bar or self._new_bar(total=1.0, bar_format=_BAR, desc="Batch")
            bar.set_postfix_str(f"{text}{left}", refresh=False)
            bar.update(max(0.0, fraction - bar.n))
        elif now - self._printed >= PLAIN_INTERVAL:
            self._printed = now
            self.say(f"{text} done{left}")

    def download(self, done: int, total: int) -> None:
        """Download callback: bytes of the weights that are here, and in all."""
        if self._quiet:
            return
        if self._lively:
            self._move_download(done, total)
            return
        now = self._clock()
        if now - self._printed >= PLAIN_INTERVAL or done >= total:
            self._printed = now
            self.say(f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _move_bar(self, progress: "Progress", left: str) -> None:
        scale = describe_scale(progress)
        bar = self._bar or self._new_bar(total=1.0, bar_format=_BAR, desc=scale)
        bar.set_description_str(scale, refresh=False)
        bar.set_postfix_str(f"{describe_losses(progress)}{left}", refresh=False)
        bar.update(progress.fraction - bar.n)  # draws some ten times a second
        if progress.scale != self._scale:
            self._scale = progress.scale
            bar.refresh()

    def _move_download(self, done: int, total: int) -> None:
        bar = self._bar or self._new_bar(
            total=total, bar_format=_DOWNLOAD_BAR, desc="Downloading", unit_scale=True
        )
        bar.update(done - bar.n)
        if done >= total:
            self.close()

    def _new_bar(self, **options: Any) -> Any:
        from tqdm import tqdm

        shape = {"dynamic_ncols": True} if _columns(self._stream) else {"ncols": 80, "nrows": 24}
        self._bar = tqdm(file=self._stream, leave=False, **shape, **options)
        return self._bar


@contextlib.contextmanager
def open_screen(*, quiet: bool = False) -> Iterator[Screen]:
    """A screen whose bar is gone at the end, however that comes."""
    screen = Screen(quiet=quiet)
    try:
        yield screen
    finally:
        screen.close()


def is_lively(stream: TextIO) -> bool:
    """Whether a bar can be redrawn in place: on one line of a terminal that moves its cursor."""
    columns = _columns(stream)
    wide = columns is None or columns >= NARROWEST
    return wide and stream.isatty() and os.environ.get("TERM", "") != "dumb"


def _columns(stream: TextIO) -> int | None:
    """The columns of a terminal; some claim to have none, and tqdm would then draw nothing."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return None
    return columns if columns > 0 and rows > 0 else None


def describe_scale(progress: "Progress | Preparation") -> str:
    """`Scale 2/3 256x192`."""
    return f"Scale {progress.scale}/{progress.scales} {progress.width}x{progress.height}"


def describe_losses(progress: "Progress") -> str:
    """`content 0.423, style 0.0182`."""
    return f"content {progress.losses.content:.3g}, style {progress.losses.style:.3g}"


def describe_seconds(seconds: float) -> str:
    """`21 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _time_left(elapsed: float, fraction: float) -> str:
    if fraction <= 0.0 or elapsed <= 0.0:
        return ""
    return f", {describe_seconds(elapsed * (1.0 - fraction) / fraction)} left"
