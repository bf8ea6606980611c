"""Memory model: the bytes that a scale and its targets take at the peak, by its plan."""

from typing import Final, NamedTuple

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.transfer.objective.tiles import halo
from stylecli.transfer.optim.preconditioner import level_sizes
from stylecli.transfer.resample import Size

# Pictures of 12 bytes a pixel alive at the peak: the descent's two, the optimizer's three,
# gradients of all octaves, temporaries of a step. Measured by benchmarks/memory.py, and in whole
# runs, which fragment the heap between the scales.
IMAGES: Final = 11
WORK_SPACE: Final = 14  # times the largest layer
LAYOUTS: Final = 2  # in which a weight is packed for the sizes that occur, at most 3 were seen
FRAGMENTATION_FACTOR: Final = 1.8  # times what a tile needs, since tiles differ in size
# While Gram matrices of a style are computed: its pixels as resized, clamped, reduced and mirrored,
# and the layers of a forward pass, in the largest one's. With them predictions were 1.2 to 1.4
# times what was measured for styles of 1024 and 2048 pixels, whole and in tiles of 512.
STYLE_IMAGES: Final = 5
STYLE_LAYERS: Final = 3.0
PROCESS: Final = 820 * 2**20  # bytes of the interpreter, torch and its work space, measured


class InputMemory(NamedTuple):
    """The bytes that a run's pictures and masks take, and the size of its largest style."""

    kept_bytes: int = 0
    style: Size = (0, 0)


NO_INPUTS: Final = InputMemory()


def predict_bytes(
    extractor: FeatureExtractor,
    size: Size,
    tile: int | None,
    history: int,
    *,
    adam: bool = False,
    batch: int = 1,
) -> int:
    """Peak memory of the process in bytes for a scale of `size`."""
    pixels = size[0] * size[1]
    computed = _tile_pixels(extractor, size, tile)
    state = 24 * history
    if adam:
        state = 24 * sum(h * w for h, w in level_sizes(size)) // pixels
    layers = layer_bytes(extractor)
    held = sum(size for name, size in layers.items() if name in extractor.targets)
    whole = (12 * IMAGES + state + held) * pixels
    return int(
        PROCESS + weight_bytes(extractor) + batch * (whole + activation_bytes(extractor) * computed)
    )


def predict_style_bytes(
    extractor: FeatureExtractor,
    size: Size,
    inputs: InputMemory,
    tile: int | None,
    *,
    batch: int = 1,
) -> int:
    """Peak memory of the process in bytes while the targets of a scale of `size` are computed."""
    pixels, style = size[0] * size[1], inputs.style[0] * inputs.style[1]
    layers = layer_bytes(extractor)
    held = sum(size for name, size in layers.items() if name in extractor.targets)
    return int(
        PROCESS
        + weight_bytes(extractor)
        + inputs.kept_bytes
        + batch * (24 + held) * pixels
        + 12 * STYLE_IMAGES * style
        + STYLE_LAYERS * max(layers.values()) * _tile_pixels(extractor, inputs.style, tile)
    )


def layer_bytes(extractor: FeatureExtractor) -> dict[str, float]:
    """Bytes of each layer's output for a pixel of the picture."""
    layers, area, channels = {}, 1.0, 3
    for step in extractor.steps:
        if step.weight is not None:
            channels = step.weight.shape[0]
        area /= 4 if step.kind == "pool" else 1
        layers[step.name] = channels * area * extractor.dtype.itemsize
    return layers


def activation_bytes(extractor: FeatureExtractor) -> float:
    """Bytes a pixel of activations in a forward and backward pass, work space included."""
    layers = layer_bytes(extractor)
    kept = sum(
        layers[step.name] * {"conv": 0, "relu": 1, "pool": 4}[step.kind] for step in extractor.steps
    )
    # Gradients of two layers and of the style, Gram products, convolutions' work space: measured.
    return kept + WORK_SPACE * max(layers.values())


def weight_bytes(extractor: FeatureExtractor) -> int:
    """Bytes of the weights: as loaded, and for both directions as convolutions read them."""
    count = sum(step.weight.numel() for step in extractor.steps if step.weight is not None)
    return count * (4 + 2 * LAYOUTS * extractor.dtype.itemsize)


def _tile_pixels(extractor: FeatureExtractor, size: Size, tile: int | None) -> float:
    """Pixels whose features are in memory at a time, with those that fragmentation costs."""
    pixels = float(size[0] * size[1])
    if tile is None or tile >= max(size):
        return pixels
    margin = 2 * halo(extractor.steps)
    tiled = min(size[0], tile + margin) * min(size[1], tile + margin)
    return min(pixels, FRAGMENTATION_FACTOR * tiled)
