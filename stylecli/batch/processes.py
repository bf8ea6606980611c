"""Worker processes: their start method, and that none outlives this process. No torch."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any, Final

from stylecli.system import ignore_console, on_windows

_LOADED: Final = ["stylecli.batch.pool"]
# Windows waits for 63 handles at a time, and each worker has two: its connection and its end.
_MOST_ON_WINDOWS: Final = 31


def most_workers() -> int:
    """The largest number of workers that can be waited for at once."""
    return _MOST_ON_WINDOWS if on_windows() else sys.maxsize


def worker_context() -> Any:
    """The `multiprocessing` context of workers: forkserver on Linux, spawn elsewhere.

    Their classes have no name in common on every system: hence no type.
    """
    if start_forkserver():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def start_forkserver() -> bool:
    """Start the fork server, which imports torch in the background; whether that worked.

    A fork takes milliseconds and shares memory. False on systems other than Linux, and without
    a folder for the fork server's socket.
    """
    if sys.platform == "linux":
        from multiprocessing import forkserver

        with contextlib.suppress(OSError), ignoring_ctrl_c():
            forkserver.set_forkserver_preload(_LOADED)
            forkserver.ensure_running()
            return True
    return False


@contextlib.contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """Processes started within ignore the terminal's Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ignore_console(True)
    try:
        yield
    finally:
        ignore_console(False)
        signal.signal(signal.SIGINT, handler)


def end_with_parent() -> None:
    """In a worker: end when its parent process has ended for whatever reason."""
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
