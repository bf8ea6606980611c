"""Small random encoders in float64, whose gradients can be compared to the last digits."""

from collections.abc import Callable

import pytest
import torch

from stylecli.encoder import Encoder, EncoderSpec, load_encoder
from stylecli.encoder.plan import Plan
from stylecli.encoder.registry import default_layers
from stylecli.settings import Padding, Pooling

SMALL_PLAN = Plan((2, 2, 4), (4, 5, 6, 6, 7, 8, 8))  # to relu3_3, 2 poolings
BuildEncoder = Callable[..., Encoder]


def small_encoder(pooling: Pooling = "max", padding: Padding = "replicate") -> Encoder:
    """A random network with the default layers relu3_3 and relu1_1, relu2_1, relu3_1."""
    generator = torch.Generator().manual_seed(3)
    weights, inputs = {}, 3
    for (index, _), outputs in zip(SMALL_PLAN.convolutions, SMALL_PLAN.channels, strict=True):
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator, dtype=torch.float64)
        weights[f"{index}.weight"] = weight * (2 / (9 * inputs)) ** 0.5
        bias = torch.randn(outputs, generator=generator, dtype=torch.float64)
        weights[f"{index}.bias"] = bias * 0.1
        inputs = outputs
    spec = EncoderSpec("small", SMALL_PLAN, *default_layers(SMALL_PLAN), "small", 0, "")
    encoder = Encoder(spec, weights, sha256="5a", pooling=pooling, padding=padding)
    return encoder.to(torch.float64)


@pytest.fixture(scope="session")
def build() -> BuildEncoder:
    """Builds the small random encoder with any pooling and padding."""
    return small_encoder


@pytest.fixture(scope="session")
def compact() -> Encoder:
    """The bundled encoder, loaded once."""
    return load_encoder("compact")
