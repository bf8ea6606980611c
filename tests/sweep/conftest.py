"""Sweeps of one content and one style."""

from pathlib import Path
from typing import Any

from stylecli.sweep.axes import Axis
from stylecli.sweep.grid import SweepPlan, SweepRequest, plan_sweep

CONTENT, STYLE = Path("a.png"), Path("b.png")


def plan(*axes: Axis, folder: Path = Path("out"), **more: Any) -> SweepPlan:
    request = SweepRequest(folder=folder, content=CONTENT, styles=(STYLE,), axes=axes, **more)
    return plan_sweep(request)


def styles(count: int, folder: str = "p") -> Axis:
    return Axis("styles", tuple(Path(folder, f"s{number}.jpg") for number in range(count)))
