"""Worker processes: how every one is started, and that none outlives this process. No torch."""

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
# Python puts the current folder, which may be a stranger's, before its own library for `-c`, by
# which the fork server, the resource tracker and spawned workers start; not with this variable.
SAFE_PATH: Final = "PYTHONSAFEPATH"
# Variables that no worker needs: its jobs hold every option, and a mirror's address may hold a
# password.
_OURS: Final = "STYLECLI_"
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

        with contextlib.suppress(OSError), starting_processes():
            forkserver.set_forkserver_preload(_LOADED)
            forkserver.ensure_running()
            return True
    return False


@contextlib.contextmanager
def starting_processes() -> Iterator[None]:
    """Start processes within: they have a safe path, a clean environment, and ignore Ctrl-C.

    The terminal sends Ctrl-C to all processes, from the first moment of each.
    """
    with clean_environment():
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


@contextlib.contextmanager
def clean_environment() -> Iterator[None]:
    """Within, the environment holds none of our variables, and asks for a safe path."""
    changed = [name for name in os.environ if name.startswith(_OURS)]
    before = {name: os.environ.get(name) for name in (*changed, SAFE_PATH)}
    for name in changed:
        del os.environ[name]
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def end_with_parent() -> None:
    """First of all in a child: leave Ctrl-C to the parent process, and end when that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
