"""One scale's loop: evaluate, keep the best, step, and recover when a step goes wrong."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import torch

from stylecli.transfer.objective import Terms

RISE: Final = 2.0  # a loss this many times the best one is a divergence, not a detour
GRACE: Final = 5  # iterations after a start in which only non-finite losses count


class Optimizer(Protocol):
    """What the loop asks of an optimiser; `step_scale` shortens its steps."""

    step_scale: float

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient."""

    def reset(self) -> None:
        """Forget everything learned about the objective's shape."""


Evaluate = Callable[[torch.Tensor], tuple[Terms, torch.Tensor]]


@dataclass
class Best:
    """The best image so far, with its terms; images are (1, 3, H, W)."""

    image: torch.Tensor
    gradient: torch.Tensor
    terms: Terms
    recoveries: int = 0


def optimize(
    image: torch.Tensor,
    evaluate: Evaluate,
    optimizer: Optimizer,
    iterations: int,
    on_iteration: Callable[[int, Terms, torch.Tensor], None] | None = None,
) -> Best:
    """Run `iterations` evaluations from `image` (1, 3, H, W); the best image seen is returned.

    A non-finite loss, or one RISE times the best, restores the best image, forgets the
    optimiser's history and halves its steps. The last image is evaluated, never stepped from.
    Reading the loss waits for the device once an iteration.
    """
    best: Best | None = None
    since_reset = 0
    for iteration in range(1, iterations + 1):
        terms, gradient = evaluate(image)
        loss = float(terms.total)
        finite = math.isfinite(loss) and math.isfinite(float(gradient.sum()))  # one fast pass
        if best is None or (finite and loss < float(best.terms.total)):
            recoveries = 0 if best is None else best.recoveries
            best = Best(image, gradient, terms, recoveries)
        elif not finite or (since_reset > GRACE and loss > RISE * float(best.terms.total)):
            image, gradient, since_reset = best.image, best.gradient, 0
            best.recoveries += 1
            optimizer.reset()
            optimizer.step_scale *= 0.5
        if on_iteration is not None:
            on_iteration(iteration, terms, best.image)
        if iteration < iterations:
            image = optimizer.step(image, gradient)
            since_reset += 1
    assert best is not None
    return best
