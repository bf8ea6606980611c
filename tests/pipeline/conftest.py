"""The fake core, in this process, and a fake encoder."""

from typing import Any

import pytest

from stylecli.encoder import loading

from ..cli.fake_program import FakeCore, install


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCore:
    return install(monkeypatch.setattr)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `load_encoder` was called with; it loads nothing."""
    calls: list[tuple[Any, ...]] = []

    def load(*arguments: Any, **keywords: Any) -> str:
        calls.append((arguments, keywords))
        return "the encoder"

    monkeypatch.setattr(loading, "load_encoder", load)
    return calls
