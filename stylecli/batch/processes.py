"""Processes that work for this one: how they begin, and that none outlives it. No torch."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from multiprocessing.worker_context import ForkServerContext, SpawnContext
from typing import Final

_LOADED: Final = ["stylecli.batch.pool"]


def worker_context() -> ForkServerContext | SpawnContext:
    """Where workers come from: on Linux all are copies of one process, else each begins afresh."""
    if start_forkserver():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def start_forkserver() -> bool:
    """Let the process that workers are copies of import torch, while this one goes on.

    A copy takes milliseconds and shares its memory. False where there is no such process: on
    other systems, and without a folder for the socket that it is spoken to through.
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
