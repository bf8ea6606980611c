"""Comparison and recognition of pictures in memory, as `stylize compare` and `match` do it."""

from pathlib import Path

from stylecli.pipeline.sources import Source, picture_of
from stylecli.recognition.gallery import Match
from stylecli.recognition.matching import match_picture, open_metric
from stylecli.recognition.metric import LONG_SIDE, Distances
from stylecli.settings import Compute
from stylecli.transfer.compute.ambient_state import standard_state


@standard_state()
def compare(
    a: Source, b: Source, *, encoder: str = "compact", device: str = "auto", size: int = LONG_SIDE
) -> Distances:
    """Perceptual distances of two pictures: content, style, and the style's by layer.

    0 is the same and 2 the most; `size` is the long side at which they are looked at. Raises
    `InputError`, `UsageError` or `WeightsError`.
    """
    metric, _ = open_metric(encoder, Compute(device=device))
    first, second = picture_of(a, "the first picture"), picture_of(b, "the second picture")
    return metric.distances(first.pixels, second.pixels, size)


@standard_state()
def match(
    picture: Source, gallery: str | Path, *, encoder: str = "compact", device: str = "auto"
) -> list[Match]:
    """Styles of a gallery, a file or a folder of pictures, by their distance to a picture.

    Raises `InputError`, `UsageError` or `WeightsError`.
    """
    metric, network = open_metric(encoder, Compute(device=device))
    return match_picture(picture_of(picture, "the picture"), Path(gallery), metric, network)[1]
