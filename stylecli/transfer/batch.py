"""Pictures made together come out as they do alone, to the last bit, on any number of threads.

Convolutions and what is done to single numbers do not care how many pictures or threads there
are. Sums do: libraries split them by the size of the batch, by where its parts lie in memory,
and, where a sum is long, among threads. So long sums are made here of pieces of one length.
"""

from collections.abc import Callable
from typing import Final

import torch

PIECE: Final = 1024  # values; libraries split no sum as short as this


def each_alone(function: Callable[..., torch.Tensor], *batches: torch.Tensor) -> torch.Tensor:
    """The function of each picture's tensors (1, …), put together as (B, …)."""
    singles = zip(*(torch.split(batch, 1) for batch in batches), strict=True)
    return torch.cat([function(*single) for single in singles])


def padded(values: int) -> int:
    """The next whole number of pieces."""
    return -(-values // PIECE) * PIECE


def dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Products of vectors padded to pieces, (B, n) each, as (B,)."""
    products = (x * y).view(len(x), -1, PIECE)
    return each_alone(lambda own: own.sum(2).sum(1), products)


def dots(rows: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Products of B matrices (B, m, n) with vectors (B, n), padded to pieces, as (B, m)."""
    pieces = rows.view(*rows.shape[:2], -1, PIECE), y.view(len(y), -1, PIECE)
    return each_alone(_dots_of_one, *pieces)


def _dots_of_one(rows: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    # As fast as a product that may be split; with the factors the other way about, half as fast.
    return torch.bmm(y[0].unsqueeze(1), rows[0].permute(1, 2, 0)).sum(0)
