"""Pictures made together come out as they do alone, to the last bit.

Convolutions and what is done to single numbers do not care how many pictures there are. Sums
do: libraries split them by the size of the batch and by where its parts lie in memory.
"""

from collections.abc import Callable
from typing import Any

import torch

from stylecli.transfer.descent import Optimizer


def each_alone(function: Callable[..., torch.Tensor], *batches: torch.Tensor) -> torch.Tensor:
    """The function of each picture's tensors (1, …), put together as (B, …)."""
    singles = zip(*(torch.split(batch, 1) for batch in batches), strict=True)
    return torch.cat([function(*single) for single in singles])


class Apart:
    """An optimiser for each of B pictures, behind the face of one."""

    def __init__(self, make: Callable[[], Optimizer], pictures: int) -> None:
        self.single = [make() for _ in range(pictures)]

    def start(self, image: torch.Tensor) -> None:
        """Begin with B pictures (B, 3, H, W)."""
        for optimizer, one in zip(self.single, torch.split(image, 1), strict=True):
            optimizer.start(one.clone())

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next images; each picture's tensors are copied, to lie in memory as alone."""
        singles = zip(self.single, torch.split(image, 1), torch.split(gradient, 1), strict=True)
        return torch.cat([optimizer.step(x.clone(), g.clone()) for optimizer, x, g in singles])

    def restart(self, which: torch.Tensor) -> None:
        """Forget what was learned about some of them (B,)."""
        for optimizer, one in zip(self.single, torch.split(which, 1), strict=True):
            optimizer.restart(one)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on."""
        return {str(index): optimizer.state_dict() for index, optimizer in enumerate(self.single)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from there."""
        for index, optimizer in enumerate(self.single):
            optimizer.load_state_dict(saved[str(index)])
