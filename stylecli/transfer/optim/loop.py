"""Optimization loop at one scale: evaluate, keep the best, step, and recover from divergence.

All of it is arithmetic on tensors that stay in place, for B independent pictures. So an
iteration can be captured once as a CUDA graph and replayed without work for the processor.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import torch

RISE: Final = 2.0  # a loss this many times the best one is a divergence, not a detour
GRACE: Final = 5  # iterations after a start in which only non-finite losses count


class Terms(NamedTuple):
    """The objective and its unweighted parts, one value for each picture: (B,) each."""

    total: torch.Tensor
    content: torch.Tensor
    style: torch.Tensor
    total_variation: torch.Tensor


Evaluate = Callable[[torch.Tensor], tuple[Terms, torch.Tensor]]


class Optimizer(Protocol):
    """Optimizer interface of the descent: L-BFGS or Adam."""

    def start(self, image: torch.Tensor) -> None:
        """Allocate the state for pictures like these, without any history."""

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient."""

    def restart(self, which: torch.Tensor) -> None:
        """Clear the history of some pictures (B,), and take shorter steps with them."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on."""

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from there."""


class MaskedOptimizer:
    """Optimizer with fixed pixels where `pinned` (1, 1, H, W) is true."""

    def __init__(self, optimizer: Optimizer, pinned: torch.Tensor) -> None:
        self.pinned = pinned
        self.optimizer = optimizer
        self.start, self.restart = optimizer.start, optimizer.restart
        self.state_dict, self.load_state_dict = optimizer.state_dict, optimizer.load_state_dict

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image, with the pinned pixels as they are."""
        return torch.where(self.pinned, image, self.optimizer.step(image, gradient))


class Descent:
    """Descent of B pictures (B, 3, H, W) on the objective.

    `terms` (4, B) are those of the image evaluated last, in the order of `Terms`; `best_image`
    and `best` belong to the lowest finite loss so far, infinite before there is one.
    """

    def __init__(self, image: torch.Tensor, evaluate: Evaluate, optimizer: Optimizer) -> None:
        batch = image.shape[0]
        self.evaluate = evaluate
        self.optimizer = optimizer
        self.image = image.clone()
        self.terms = image.new_full((4, batch), torch.inf)
        self.best = self.terms.clone()
        self.best_image = image.clone()
        self.since_start = torch.zeros(batch, dtype=torch.int64, device=image.device)
        self.recoveries = torch.zeros_like(self.since_start)
        optimizer.start(self.image)

    def iterate(self, *, step: bool = True) -> None:
        """Evaluate the image; unless this was the last time, step to the next one.

        After a loss or gradient that is not finite, or a loss RISE times the best, the next
        image is the best one again; the optimizer's history is cleared and its steps are halved. To
        evaluate it twice is cheaper than to keep the best gradient as well.
        """
        terms, gradient = self.evaluate(self.image)
        self.terms.copy_(torch.stack(terms))
        loss = self.terms[0]
        sums = gradient.sum((1, 2, 3))  # not finite where any of them is not, in one fast pass
        finite = loss.isfinite() & sums.isfinite()
        better = finite & (loss < self.best[0])
        risen = (self.since_start > GRACE) & (loss > RISE * self.best[0])
        bad = ~better & (~finite | risen)
        self.best.copy_(torch.where(better, self.terms, self.best))
        _put(better, self.best_image, self.image)
        self.recoveries += bad
        if not step:
            return
        gradient.masked_fill_(bad.view(-1, 1, 1, 1), 0.0)
        self.image.copy_(self.optimizer.step(self.image, gradient))
        self.since_start += 1
        if _may_hold(bad):
            _put(bad, self.image, self.best_image)
            self.since_start.masked_fill_(bad, 0)
            self.optimizer.restart(bad)

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of the way depends on, copied, but not the objective."""
        own = {name: getattr(self, name).clone() for name in _OWN}
        return {**own, "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from `state_dict` as if nothing had happened in between."""
        for name in _OWN:
            getattr(self, name).copy_(saved[name])
        self.optimizer.load_state_dict(saved["optimizer"])


_OWN: Final = (
    "image",
    "terms",
    "best",
    "best_image",
    "since_start",
    "recoveries",
)


def _put(which: torch.Tensor, target: torch.Tensor, new: torch.Tensor) -> None:
    """Overwrite the pictures of `target` where `which` (B,) is true."""
    if _may_hold(which):
        torch.where(which.view(-1, 1, 1, 1), new, target, out=target)


def _may_hold(which: torch.Tensor) -> bool:
    """Whether any is true; always, on a device where the answer would have to be waited for."""
    return which.device.type != "cpu" or bool(which.any())
