"""The engine that a batch chooses."""

import pytest

from stylecli.batch.pool import LocalEngine
from stylecli.batch.scheduling import ClusterOptions
from stylecli.cli import batch_run
from stylecli.cli.batch_run import choose_engine
from stylecli.cli.progress import Screen


@pytest.mark.parametrize(
    ("workers", "jobs", "early"), [(1, 99, 0), (3, 1, 1), (None, 15, 0), (None, 16, 1)]
)
def test_engines(
    monkeypatch: pytest.MonkeyPatch, workers: int | None, jobs: int, early: int
) -> None:
    """Workers load PyTorch while this process does, where there will be some."""
    calls: list[None] = []
    monkeypatch.setattr(batch_run, "start_forkserver", lambda: calls.append(None))
    engine = choose_engine(Screen(quiet=True), "local", ClusterOptions(workers=workers), jobs)
    assert isinstance(engine, LocalEngine) and engine.workers == workers
    assert len(calls) == early
