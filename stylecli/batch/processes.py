"""Worker processes: their start method, and that none outlives this process. No torch."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Final

_LOADED: Final = ["stylecli.batch.pool"]


def worker_context() -> ForkServerContext | SpawnContext:
    """The start method of workers: forkserver on Linux, spawn elsewhere."""
    if start_forkserver():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def start_forkserver() -> bool:
    """Start the fork server, which imports torch in the background; whether that worked.

    A fork takes milliseconds and shares memory. False on systems other than Linux, and without
    a folder for the fork server's socket.
    """
    if sys.platform != "linux":
        return False
    from multiprocessing import forkserver

    try:
        with ignoring_ctrl_c():
            forkserver.set_forkserver_preload(_LOADED)
            forkserver.ensure_running()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """Processes started within ignore the terminal's Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def end_with_parent() -> None:
    """In a worker: end when its parent process has ended for whatever reason."""
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
