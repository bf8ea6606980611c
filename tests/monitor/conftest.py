"""Iterations as a run reports them."""

from collections.abc import Callable
from pathlib import Path

import torch

from stylecli.transfer.results import Losses, Progress


def step(number: int, width: int = 32, height: int = 24, last: bool = False) -> Progress:
    """An iteration whose picture is of one gray, lighter each time."""
    scale = (2, 2, width, height, number, number if last else 99)
    losses = Losses(1.0, 0.5, 0.1)
    return Progress(
        *scale, 0.5, losses, lambda: torch.full((3, height, width), min(1.0, number / 20))
    )


def run(listener: Callable[[Progress], None], iterations: int = 10) -> None:
    """Half of the iterations at half of the size, as a real run has it."""
    for number in range(1, iterations + 1):
        size = (16, 12) if number <= iterations // 2 else (32, 24)
        listener(step(number, *size))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
