"""SIGINT, SIGTERM and their like: unwind once, tidily, then die by the very signal that came."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, NoReturn

from stylecli.system import on_windows

# SIGHUP is a terminal that was closed, or an ssh session that was dropped; SIGBREAK is Windows'
# Ctrl-Break, a window that is closed, and the end of a session.
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_SIGNALS: Final = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Stopped(BaseException):
    """A signal asked the program to end; not an `Exception`, so that nothing swallows it.

    `advice` is a sentence on how to go on, where there is a way.
    """

    def __init__(self, number: int, advice: str = "") -> None:
        super().__init__(number)
        self.number = number
        self.advice = advice

    @property
    def name(self) -> str:
        """The signal's name, such as SIGINT."""
        return signal.Signals(self.number).name


class _SignalState:
    """The signal that has arrived, and whether it may interrupt at once."""

    def __init__(self) -> None:
        self.waiting = False  # the run polls `number` at safe moments
        self.on_signal: Callable[[], None] | None = None
        self.number = 0

    def receive(self, number: int, _: FrameType | None) -> None:
        """Signal handler: record the first signal; a second one kills at once."""
        for handled in _SIGNALS:
            # A shell that ends passes on the SIGHUP which its terminal has sent already.
            again = handled == number == getattr(signal, "SIGHUP", None)
            at_once = _exit_at_once if on_windows() else signal.SIG_DFL
            signal.signal(handled, signal.SIG_IGN if again else at_once)
        self.number = number
        if not self.waiting:
            raise Stopped(number)
        if self.on_signal is not None:
            self.on_signal()


_state = _SignalState()


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within, the first of the signals raises `Stopped`; a second one kills at once.

    A signal that was ignored when the program started, as under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.number = 0
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _state.receive)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def stop_when_safe(on_signal: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within, the first signal is deferred to a poll; on the way out it raises `Stopped`.

    Yields a function that says whether a signal has come; `on_signal` is called when one does.
    """

    def has_come() -> bool:
        _state.waiting = True  # from now on the run polls; before, a signal interrupts at once
        return _state.number != 0

    _state.on_signal = on_signal
    try:
        yield has_come
    finally:
        _state.waiting, _state.on_signal = False, None
    if _state.number:
        raise Stopped(_state.number)


def stop_now(advice: str) -> NoReturn:
    """Raise `Stopped` for the signal that has come, with advice on how to go on."""
    raise Stopped(_state.number or signal.SIGINT, advice)


def die(number: int) -> int:
    """End as if the signal had never been caught, so that a shell's loop ends with it.

    Returns 128 + `number` where the system has no such death: on Windows a signal ends a process
    with exit code 3.
    """
    if on_windows():
        return 128 + number
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    return 128 + number


def _exit_at_once(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)
