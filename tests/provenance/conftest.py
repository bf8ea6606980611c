"""The fakes of the pipeline's tests, and calls counted."""

from pathlib import Path
from typing import Any

import pytest

from ..pipeline.conftest import core as core
from ..pipeline.conftest import loaded as loaded


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Path]:
    """The paths that a function of a module is called with from now on."""
    function, paths = getattr(module, name), []

    def called(path: Path) -> Any:
        paths.append(path)
        return function(path)

    monkeypatch.setattr(module, name, called)
    return paths
