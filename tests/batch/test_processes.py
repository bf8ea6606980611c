"""Where workers come from."""

import sys
from multiprocessing import forkserver

import pytest

from stylecli.batch.processes import start_forkserver, worker_context


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
