"""Small random encoders in float64, and short runs with the bundled one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from stylecli.encoder.architecture import Plan
from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.registry import EncoderSpec, default_layers
from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Padding, Pooling, Settings
from stylecli.transfer import Result, stylize

SMALL_PLAN = Plan((2, 2, 4), (4, 5, 6, 6, 7, 8, 8))  # to relu3_3, 2 poolings
BuildEncoder = Callable[..., Encoder]
CPU = torch.device("cpu")
BIG = (3000, 4000)  # height and width
FP32 = Compute(device="cpu", precision="fp32")
FAST = Settings(iterations=4)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    """Uniform in [0, 1), float64."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def same(a: Result, b: Result) -> bool:
    return a.image.numpy().tobytes() == b.image.numpy().tobytes()


def looks_sound(image: torch.Tensor) -> bool:
    """No NaN, and inside the box."""
    return bool(((image >= 0.0) & (image <= 1.0)).all())


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


@pytest.fixture
def paint(compact: Encoder, content: torch.Tensor, style: torch.Tensor) -> Any:
    """`stylize` with everything given; settings by name on top of a few iterations."""

    def run(
        content: torch.Tensor = content,
        styles: Any = style,
        compute: Compute = FP32,
        init_image: torch.Tensor | None = None,
        on_progress: Any = None,
        **settings: Any,
    ) -> Result:
        return stylize(
            content,
            styles,
            settings=replace(FAST, **settings),
            compute=compute,
            encoder=compact,
            init_image=init_image,
            on_progress=on_progress,
        )

    return run


@pytest.fixture
def small_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several scales even for pictures of 64 pixels."""
    monkeypatch.setattr("stylecli.transfer.schedule.COARSEST", 24)


@pytest.fixture(scope="module")
def extractor(compact: Encoder) -> FeatureExtractor:
    return FeatureExtractor(compact, ["relu5_1"], dtype=torch.float32, device=CPU)
