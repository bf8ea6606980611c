"""Where workers come from."""

import os
import sys
from functools import partial
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch.processes import start_forkserver, worker_context

from .conftest import wait_until


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such process elsewhere")
def test_copies_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(forkserver, "set_forkserver_preload", calls.append)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: calls.append("running"))
    assert worker_context().get_start_method() == "forkserver"
    assert calls == [["stylecli.batch.pool"], "running"]


def test_without_a_folder_for_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise FileNotFoundError(2, "no usable temporary directory")

    monkeypatch.setattr(forkserver, "ensure_running", fail)
    assert not start_forkserver()
    assert worker_context().get_start_method() == "spawn"


def test_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not start_forkserver()
    assert worker_context().get_start_method() == "spawn"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such process elsewhere")
def test_the_current_folder_is_nobodys_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the resource tracker nor the fork server imports what lies where we are."""
    for name in ("selectors", "socket", "signal", "threading", "stylecli"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'planted')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLECLI_WEIGHTS_URL", "https://me:secret@example.org")
    monkeypatch.setattr("stylecli.batch.processes._LOADED", [])
    server: Any = forkserver.ForkServer()
    monkeypatch.setattr(forkserver, "set_forkserver_preload", server.set_forkserver_preload)
    monkeypatch.setattr(forkserver, "ensure_running", server.ensure_running)
    tracker: Any = resource_tracker.ResourceTracker()
    monkeypatch.setattr(resource_tracker, "ensure_running", tracker.ensure_running)
    assert start_forkserver()
    try:
        for process in (server._forkserver_pid, tracker._pid):
            wait_until(partial(started, process))
            path = Path(f"/proc/{process}/environ")
            settings = dict(part.split(b"=", 1) for part in path.read_bytes().split(b"\0") if part)
            assert settings[b"PYTHONSAFEPATH"] == b"1"
            assert b"STYLECLI_WEIGHTS_URL" not in settings
        assert os.environ["STYLECLI_WEIGHTS_URL"].endswith("example.org")
        assert "PYTHONSAFEPATH" not in os.environ
    finally:
        server._stop()
        tracker._stop()
    assert not (tmp_path / "planted").exists()


def started(process: int) -> bool:
    return b"-c" in command_of(process)


def command_of(process: int | None) -> list[bytes]:
    return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
