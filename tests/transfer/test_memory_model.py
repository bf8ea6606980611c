"""Memory that a scale takes, as it is predicted."""

from collections.abc import Callable

import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.vgg import Encoder
from stylecli.transfer.memory_model import predict_bytes

from .conftest import BIG, CPU


def test_predictions_grow_with_what_costs_memory(extractor: FeatureExtractor) -> None:
    base = predict_bytes(extractor, (500, 700), None, 10)
    assert predict_bytes(extractor, (1000, 700), None, 10) > base
    assert predict_bytes(extractor, (500, 700), None, 20) - base == 10 * 24 * 500 * 700
    assert predict_bytes(extractor, BIG, 256, 10) < predict_bytes(extractor, BIG, 1024, 10)
    assert predict_bytes(extractor, BIG, 1024, 10) < predict_bytes(extractor, BIG, None, 10)


def test_bf16_needs_less(build: Callable[..., Encoder]) -> None:
    extractors = [
        FeatureExtractor(build(), ["relu3_3"], dtype=dtype, device=CPU)
        for dtype in (torch.bfloat16, torch.float32)
    ]
    low, high = (predict_bytes(extractor, BIG, None, 20) for extractor in extractors)
    assert low < high
