"""Coarse-to-fine schedule: the sizes of a picture and the iterations at each."""

import math
from dataclasses import dataclass, replace
from typing import Final

from stylecli.settings import Quality, Settings
from stylecli.transfer.resample import Size, fit

OVERHEAD: Final = 20_000  # an iteration costs at least what this many pixels do
COARSEST: Final = 128  # long side of the first scale, to within a factor of √2
LEAST_SCALES: Final = 3  # a picture of fewer gets as many iterations as one of these
ITERATIONS: Final[dict[Quality, tuple[int, ...]]] = {
    "draft": (40, 40, 20, 20),
    "normal": (60, 50, 45, 45),
    "high": (120, 100, 120, 100),
}
WARM_START: Final = (75, 60, 30, 30)  # through `compact`, of `high` through another encoder
AFTER_WARM_START: Final = 85  # iterations at full size, see benchmarks/README.md
WARM_START_COST: Final = 0.45  # of an iteration through `compact`, in those through `vgg19`


@dataclass(frozen=True)
class Scale:
    """Scale: one step of coarse-to-fine."""

    size: Size
    iterations: int
    is_warm_start: bool = False  # through `compact`, before the encoder of the settings

    @property
    def work(self) -> int:
        """Relative cost: pixels, and an iteration's fixed cost in pixels, times iterations."""
        pixels = self.size[0] * self.size[1] + OVERHEAD
        return round(pixels * self.iterations * (WARM_START_COST if self.is_warm_start else 1.0))


def output_size(content: Size, settings: Settings) -> Size:
    """The content's own size, or the one with `settings.size` as its long side."""
    return content if settings.size is None else fit(content, settings.size)


def style_scales(settings: Settings, content: Size, styles: int) -> tuple[float, ...]:
    """The scale of each style, `style_size` included, for a content of a size.

    Raises `SettingsError` where the settings' numbers are not as many as the styles.
    """
    settings.check_counts(styles)
    scales = settings.style_scale or (1.0,)
    scales = scales * styles if len(scales) == 1 else scales
    if settings.style_size is None:
        return scales
    side = max(output_size(content, settings))
    return tuple(scale * settings.style_size / side for scale in scales)


def make_schedule(size: Size, settings: Settings, needed: int = 1) -> tuple[Scale, ...]:
    """Coarse-to-fine scales up to `size`, coarsest first, each twice the one before.

    Scales with a side under `needed` pixels are left out: a long strip starts later. From the
    fourth scale on each gets the last count of its preset: by then strokes are in place. With
    fewer than three, the last gets what is left of the first three counts: a small picture is
    cheap, and comes no nearer to its style in fewer iterations than a large one.
    With a warm start all of these go through `compact`, with counts of their own, and the size of
    the picture is optimized once more through the encoder of the settings.
    `settings.iterations` is spread in the same proportions, at least 1 a scale.
    """
    long_side = max(size)
    count = max(1, 1 + round(math.log2(max(1.0, long_side / COARSEST))))
    reduced = [fit(size, max(1, round(long_side / 2**k))) for k in range(count - 1, 0, -1)]
    sizes = [*(one for one in reduced if min(one) >= needed), size]
    warm = settings.is_warm_started
    base = WARM_START if warm else ITERATIONS[settings.quality]
    counts = [base[min(index, len(base) - 1)] for index in range(len(sizes))]
    counts[-1] += sum(base[len(sizes) : LEAST_SCALES])
    if warm:
        sizes, counts = [*sizes, size], [*counts, AFTER_WARM_START]
    if settings.iterations is not None:
        counts = _spread(settings.iterations, counts)
    last = len(sizes) - 1
    scales = [
        Scale(one, iterations, is_warm_start=warm and index < last)
        for index, (one, iterations) in enumerate(zip(sizes, counts, strict=True))
    ]
    return tuple(scale for scale in scales if scale.iterations)


def continued(scales: tuple[Scale, ...], count: int, share: float) -> tuple[Scale, ...]:
    """The finest `count` scales, each with a `share` of its iterations."""
    return tuple(
        replace(scale, iterations=max(1, round(share * scale.iterations)))
        for scale in scales[-count:]
    )


def _spread(total: int, counts: list[int]) -> list[int]:
    """`total` in the proportions of `counts`; with too few, the finest scales are served first."""
    if total < len(counts):
        return [0] * (len(counts) - total) + [1] * total
    shares = [max(1, math.floor(total * count / sum(counts))) for count in counts]
    shares[-1] += total - sum(shares)
    if shares[-1] < 1:
        shares[0] -= 1 - shares[-1]
        shares[-1] = 1
    return shares
