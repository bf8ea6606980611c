"""Memory plan of a scale: the tile size and L-BFGS history that fit into a limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.errors import MemoryLimitError
from stylecli.system import free_addresses, free_memory, resident_memory
from stylecli.transfer.memory_model import (
    NO_INPUTS,
    PROCESS,
    InputMemory,
    predict_bytes,
    predict_style_bytes,
)
from stylecli.transfer.resample import Size, fit

HISTORY: Final = 20
# Plans from the fastest to the leanest. A short history costs convergence, which is dearer than
# the time that tiles cost: their halos are computed twice, ((tile + 2·halo) / tile)² of the work,
# but they also stay in the cache. Measured at 2048 px: 1.0 to 1.2 of the untiled time at 1024,
# 1.4 at 512 (`benchmarks/bench.py --only sizes`).
CANDIDATES: Final[tuple[tuple[int, int | None], ...]] = (
    (HISTORY, None),
    (HISTORY, 2048),
    (HISTORY, 1024),
    (10, 1024),
    (10, 512),
    (5, 512),
    (3, 512),
    (2, 512),
    (2, 384),
    (2, 256),
    (2, 128),
)
RESERVE: Final = 0.8  # share of the free memory that `auto` takes
# A style of more pixels than this many pictures is tiled, so that a signal is answered soon.
LARGE_STYLE: Final = 4


@dataclass(frozen=True)
class ScalePlan:
    """Memory plan: L-BFGS pairs, pixels of a tile's side without halo, bytes at the peak.

    `style_tile` is the tile's side for the Gram matrices of styles.
    """

    size: Size
    history: int
    tile: int | None
    predicted_bytes: int
    style_tile: int | None = None


def plans(
    extractor: FeatureExtractor,
    size: Size,
    *,
    tile: int | Literal["auto", "off"],
    limit: int,
    adam: bool = False,
    batch: int = 1,
    inputs: InputMemory = NO_INPUTS,
) -> Iterator[ScalePlan]:
    """The plans for `batch` pictures at once that fit into `limit` bytes, fastest first.

    Raises `MemoryLimitError`, on the first step, when none does.
    """
    fits = False
    for history, side in _candidates(tile):
        used = predict_bytes(extractor, size, side, 0 if adam else history, adam=adam, batch=batch)
        used += inputs.kept_bytes
        for style_tile in _style_tiles(side, tile, size, inputs.style):
            for_style = predict_style_bytes(extractor, size, inputs, style_tile, batch=batch)
            if for_style <= limit:
                break
        used = max(used, for_style)
        if used <= limit:
            fits = True
            yield ScalePlan(size, history, side, used, style_tile)
    if not fits:
        advice = _advice(extractor, size, tile, limit, inputs)
        raise MemoryLimitError(
            f"{size[1]}x{size[0]} pixels need about {readable(used)}, more than the "
            f"{readable(limit)} allowed: {advice} a larger --max-memory."
        )


def memory_limit(device: torch.device, max_memory: int | None) -> int:
    """Memory limit of a run in bytes: the user's, else most of the memory free now."""
    if max_memory is not None:
        return max_memory
    if device.type == "cuda":
        # Blocks that torch's allocator holds, but no tensor uses, are free as well.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int((torch.cuda.mem_get_info(device)[0] + cached) * RESERVE) + PROCESS
    if device.type == "mps":  # memory is shared with the CPU; past this it is swapped out
        left = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return int(min(left, free_memory()) * RESERVE) + PROCESS
    # The addresses of `PROCESS` are taken by now, its memory may not be. What is resident beyond
    # them, such as weights and freed blocks of an earlier job, is used again.
    held = max(PROCESS, resident_memory())
    return min(int(free_memory() * RESERVE), int(free_addresses() * RESERVE) + held)


def largest_side(
    extractor: FeatureExtractor,
    size: Size,
    tile: int | Literal["auto", "off"],
    limit: int,
    inputs: InputMemory = NO_INPUTS,
) -> int:
    """The largest long side with the aspect of `size` that the leanest plan fits, or 0."""
    history, side = _candidates(tile)[-1]

    def fits(long_side: int) -> bool:
        share = long_side / max(size)
        style = (round(inputs.style[0] * share), round(inputs.style[1] * share))
        smaller, reduced = fit(size, long_side), InputMemory(inputs.kept_bytes, style)
        used = predict_bytes(extractor, smaller, side, history) + inputs.kept_bytes
        return max(used, predict_style_bytes(extractor, smaller, reduced, side)) <= limit

    low, high = 0, max(size)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def readable(count: int) -> str:
    """A number of bytes in MiB or GiB: 1.5 GiB."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _advice(
    extractor: FeatureExtractor,
    size: Size,
    tile: int | Literal["auto", "off"],
    limit: int,
    inputs: InputMemory,
) -> str:
    """The options that would help, by what takes the memory."""
    history, leanest = _candidates(tile)[-1]
    picture = predict_bytes(extractor, size, leanest, history)
    if picture + inputs.kept_bytes <= limit:
        style = f"{inputs.style[1]}x{inputs.style[0]}"
        return f"the style is looked at in {style} pixels; use a smaller --style-scale, --size or"
    side = largest_side(extractor, size, tile, limit, inputs)
    if side:
        return f"use --size {side} or"
    if largest_side(extractor, size, tile, limit):
        kept = readable(inputs.kept_bytes)
        return f"the pictures take {kept} as they are; give fewer or smaller ones, or allow"
    return "no size fits, so allow"


def _style_tiles(
    side: int | None, asked: int | Literal["auto", "off"], size: Size, style: Size
) -> tuple[int | None, ...]:
    """Tile sides for a style beside a picture in tiles of `side`: the picture's, then smaller."""
    if asked != "auto":
        return (side,)
    smaller = [tile for _, tile in CANDIDATES if tile is not None and (side is None or tile < side)]
    large = style[0] * style[1] > LARGE_STYLE * size[0] * size[1]
    if side is None and large:
        return tuple(dict.fromkeys(tile for tile in smaller if tile <= 1024))
    return (side, *dict.fromkeys(smaller))


def _candidates(tile: int | Literal["auto", "off"]) -> tuple[tuple[int, int | None], ...]:
    if tile == "auto":
        return CANDIDATES
    side = None if tile == "off" else tile
    return tuple((history, side) for history in dict.fromkeys(h for h, _ in CANDIDATES))
