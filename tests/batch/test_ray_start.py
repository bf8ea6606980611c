"""Who may talk to a Ray that is started here."""

import os
import sys
from types import ModuleType
from typing import Any

import pytest

from stylecli.batch.ray_start import LOOPBACK_ALONE, import_ray
from stylecli.errors import UsageError


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", LOOPBACK_ALONE):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    module = ModuleType("ray")
    module.__version__ = "2.60.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", module)
    return module


def test_one_started_here_asks_for_a_token(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_ray(local=True) is ray
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ[LOOPBACK_ALONE] == "0"


def test_a_cluster_is_joined_by_its_own_rules(ray: Any) -> None:
    import_ray(local=False)
    assert "RAY_AUTH_MODE" not in os.environ and "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.parametrize("version", ["2.48.0", "2.51.1", "1.13.0"])
def test_without_tokens_it_is_refused(ray: Any, version: str) -> None:
    ray.__version__ = version
    with pytest.raises(UsageError, match=r"runs the code of anyone .* pip install .ray>=2.52,<3"):
        import_ray(local=True)


def test_the_hint_installs_nothing_by_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as caught:
        import_ray(local=False)
    assert "stylecli[" not in str(caught.value) and 'pip install "ray>=' in str(caught.value)
