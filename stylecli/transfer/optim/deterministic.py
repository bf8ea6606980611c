"""Deterministic sums: the bits depend neither on the batch size nor on the number of threads.

Convolutions and elementwise operations do not depend on them either. Sums in general do:
libraries split them by the size of the batch, by where its parts lie in memory, and, where a
sum is long, among threads. So long sums are made here of pieces of one length. On a CPU, that is:
a GPU's libraries promise no such thing, and there a kernel for each picture is only slower.
"""

from collections.abc import Callable
from typing import Final

import torch

PIECE: Final = 1024  # values; libraries split no sum as short as this
_BLOCK: Final = 4096  # pieces that are multiplied at a time: a product copies what it is made of


def each_alone(function: Callable[..., torch.Tensor], *batches: torch.Tensor) -> torch.Tensor:
    """Apply a function to each picture's tensors (1, …), and concatenate the results (B, …).

    All at once where that cannot differ, or is not promised.
    """
    if len(batches[0]) == 1 or batches[0].device.type != "cpu":
        return function(*batches)
    singles = zip(*(torch.split(batch, 1) for batch in batches), strict=True)
    return torch.cat([function(*single) for single in singles])


def padded(values: int) -> int:
    """The next whole number of pieces."""
    return -(-values // PIECE) * PIECE


def dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Dot products of vectors padded to pieces, (B, n) each, as (B,)."""
    pieces = x.view(len(x), -1, PIECE), y.view(len(y), -1, PIECE)
    return each_alone(_dot_of_one, *pieces)


def dots(rows: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Matrix-vector products of (B, m, n) with (B, n), padded to pieces, as (B, m)."""
    pieces = rows.view(*rows.shape[:2], -1, PIECE), y.view(len(y), -1, PIECE)
    singles = zip(*(torch.split(one, 1) for one in pieces), strict=True)
    return _joined([_dots_of_one(*single) for single in singles], 0)


def _dot_of_one(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    blocks = zip(torch.split(x, _BLOCK, 1), torch.split(y, _BLOCK, 1), strict=True)
    return _joined([(one * other).sum(2) for one, other in blocks], 1).sum(1)


def _dots_of_one(rows: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    # As fast as a product that may be split; with the factors the other way about, half as fast.
    blocks = zip(torch.split(rows[0], _BLOCK, 1), torch.split(y[0], _BLOCK), strict=True)
    products = [torch.bmm(one.unsqueeze(1), own.permute(1, 2, 0)) for own, one in blocks]
    return _joined(products, 0).sum(0)


def _joined(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    """The parts concatenated; a single one as it is, without a copy."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)
