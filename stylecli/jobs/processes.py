"""Processes that work for this one: how they begin, and that none outlives it. No torch."""

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

# Where Linux has it, one process imports torch and all workers are copies of it, which takes
# milliseconds and shares its memory; elsewhere each begins afresh.
_METHOD: Final = "forkserver" if sys.platform == "linux" else "spawn"
_LOADED: Final = ["stylecli.jobs.local"]


def context() -> ForkServerContext | SpawnContext:
    """Where workers come from."""
    if _METHOD == "spawn":
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_LOADED)
    return found


def get_ready() -> None:
    """Let the process that workers are copies of import what they need, while this one goes on."""
    context()
    if _METHOD == "forkserver":
        from multiprocessing import forkserver

        with deaf_to_ctrl_c():
            forkserver.ensure_running()


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """What is started within ignores the terminal's Ctrl-C from its first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def end_with_parent() -> None:
    """In a worker: end when the process that started it is gone, however it went."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
