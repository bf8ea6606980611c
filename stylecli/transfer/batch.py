"""Pictures made together come out as they do alone, to the last bit.

Convolutions and what is done to single numbers do not care how many pictures there are. Sums
do: libraries split them by the size of the batch and by where its parts lie in memory.
"""

from collections.abc import Callable

import torch


def each_alone(function: Callable[..., torch.Tensor], *batches: torch.Tensor) -> torch.Tensor:
    """The function of each picture's tensors (1, …), put together as (B, …)."""
    singles = zip(*(torch.split(batch, 1) for batch in batches), strict=True)
    return torch.cat([function(*single) for single in singles])
