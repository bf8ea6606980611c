"""Perceptual distances of a picture to its content and styles, for manifests and sweeps."""

from typing import Final

import torch

from stylecli.bounded_cache import BoundedCache
from stylecli.encoder.vgg import Encoder
from stylecli.images.picture import Picture
from stylecli.job import Job
from stylecli.pipeline.inputs import Inputs
from stylecli.recognition.metric import LONG_SIDE, Grams, PerceptualMetric
from stylecli.transfer.compute.device import resolve_device

REMEMBERED: Final = 32  # styles at a size, some 1 MB each


class Meter:
    """Measures pictures as `stylize compare` does, in float32; each style's Gram matrices once."""

    def __init__(self) -> None:
        self._metrics: dict[int, tuple[Encoder, PerceptualMetric]] = {}
        self._grams: BoundedCache[tuple[int, str, int], list[Grams]] = BoundedCache(REMEMBERED)

    def measure(
        self, encoder: Encoder, job: Job, inputs: Inputs, image: torch.Tensor
    ) -> dict[str, float]:
        """Content and style distance of an image (3 or 4, H, W) that a job came to.

        With several styles the mean over them, by their weights.
        """
        metric = self._metric(encoder, job.compute.device)
        side = min(LONG_SIDE, max(image.shape[-2:]))
        image_grams = metric.grams(image, side)
        weights = job.settings.style_weights or (1.0,) * len(inputs.styles)
        style = 0.0
        for path, picture, weight in zip(job.styles, inputs.styles, weights, strict=True):
            grams = self._style(encoder, metric, inputs.hashes[path], picture, side)
            style += weight * metric.style_distance(image_grams, grams) / sum(weights)
        content = metric.content_distance(inputs.content.planes, image, side)
        return {"content_distance": content, "style_distance": style}

    def _metric(self, encoder: Encoder, device: str) -> PerceptualMetric:
        if id(encoder) not in self._metrics:
            self._metrics[id(encoder)] = encoder, PerceptualMetric(encoder, resolve_device(device))
        return self._metrics[id(encoder)][1]

    def _style(
        self, encoder: Encoder, metric: PerceptualMetric, digest: str, picture: Picture, side: int
    ) -> list[Grams]:
        key = id(encoder), digest, side
        return self._grams.get_or_make(key, lambda: metric.grams(picture.planes, side))
