"""Octaves of the style loss: the sizes at which it is computed, their layers and margins."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from stylecli.encoder.vgg import Step
from stylecli.settings import LossKind
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.objective.tiles import grid, strides
from stylecli.transfer.resample import Size, reductions

SMALLEST_OCTAVE: Final = 32  # pixels of the short side
# Positions along the short side from which on a layer takes part. A Gram matrix of fewer cannot
# be matched, and trying costs the picture much (see benchmarks/README.md, Octaves).
FEWEST_POSITIONS: Final = 8


class Level(NamedTuple):
    """Size at which styles are compared: the layers with their shares of 1, and the margin.

    The picture is continued by `margin` mirrored pixels on all sides, which the loss leaves out:
    the encoder pads with zeros, and a small octave would draw a frame around the picture for it.
    """

    size: Size
    layers: LayerWeights
    margin: int = 0


def levels(
    size: Size,
    most: int | None,
    layers: LayerWeights,
    steps: tuple[Step, ...],
    *,
    kind: LossKind,
    least_scale: float,
) -> list[Level]:
    """Octaves: the full size, the half, the quarter, …: `most`, or all that are large enough.

    That is for the shallowest of the style layers, and for styles at the least of their scales.
    The first has no margin: it would cost a tenth of the time, and a frame of it is a few pixels.
    """
    stride = strides(steps)
    useful = FEWEST_POSITIONS * min(stride[name] for name, _ in layers)
    sizes = reductions(size, most, max(SMALLEST_OCTAVE, useful) / min(1.0, least_scale))
    return [level_at(one, index, layers, steps, kind) for index, one in enumerate(sizes)]


def octave_weights(count: int) -> list[float]:
    """Weights of the octaves in the style loss, finest first: equal ones.

    Measured (benchmarks/README.md, Octaves): more for the first costs content and large strokes.
    """
    return [1.0 / count] * count


def level_at(
    size: Size, index: int, layers: LayerWeights, steps: tuple[Step, ...], kind: LossKind
) -> Level:
    """The octave of an index from 0: all layers for the losses of the paper, to the letter."""
    taken = layers if kind == "gatys" else useful_layers(size, layers, strides(steps))
    return Level(size, taken, grid(steps) if index else 0)


def useful_layers(size: Size, layers: LayerWeights, stride: Mapping[str, int]) -> LayerWeights:
    """Style layers that are used at `size`, with shares of 1; at least the shallowest."""
    shallowest = min(stride[name] for name, _ in layers)
    taken = [
        (name, weight)
        for name, weight in layers
        if min(size) >= FEWEST_POSITIONS * stride[name] or stride[name] == shallowest
    ]
    total = sum(weight for _, weight in taken)
    if not total:  # the layers left have no weight: the loss would be 0
        return layers
    return tuple((name, weight / total) for name, weight in taken)
