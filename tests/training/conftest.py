"""A few tiny pictures, and a narrow random teacher."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from stylecli.encoder.loading import load_encoder
from training.network import Network, make_teacher
from training.pictures import Pictures, read_pictures
from training.pipeline import Pipeline
from training.settings import (
    DISTILLATION_LAYERS,
    BatchSettings,
    DeepeningSettings,
    OnPolicySettings,
    OptimizerSettings,
    SelectionSettings,
    TrainingSettings,
)

INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)  # of VGG-19's convolutions, to conv5_1
WIDTHS = (6, 6, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 12)  # the teacher's
HALF = tuple(width // 2 for width in WIDTHS)
CROPS = BatchSettings(batches=2, batch=2, side=32)
OPTIMIZER = OptimizerSettings(
    steps=30,
    batch=2,
    side=32,
    learning_rate=3e-3,
    ema_decay=0.0,
    layers=DISTILLATION_LAYERS,
    warmup=5,
    report_every=10,
)
TINY = TrainingSettings(
    precision="fp32",
    validation=CROPS,
    selection=SelectionSettings(widths=HALF, moments=CROPS),
    distillation=OPTIMIZER,
    on_policy=OnPolicySettings(runs=1, sizes=(48,), iterations=4, last_snapshot=3),
    deepening=DeepeningSettings(
        widths=(9, 9, 9, 12),
        moments=CROPS,
        optimizer=replace(OPTIMIZER, steps=20, ema_decay=0.9),
    ),
)


@dataclass
class Inputs:
    """A teacher's file, folders of pictures, and a place for results."""

    teacher: Path
    photos: Path
    paintings: Path
    folder: Path

    def make_pipeline(self, name: str, settings: TrainingSettings = TINY) -> Pipeline:
        return Pipeline(
            load_encoder(str(self.teacher)),
            read_pictures(self.photos, self.paintings),
            settings,
            work=self.folder / name,
            report=lambda line: None,
        )

    def arguments(self, out: Path, *options: str) -> list[str]:
        paths = {"photos": self.photos, "paintings": self.paintings, "out": out}
        given = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        return [*given, "--teacher", str(self.teacher), *options]


def save_teacher(path: Path, convolution: Callable[[int, int], torch.Tensor]) -> Path:
    """Weights of `convolution(outputs, inputs)`, and small biases, with torchvision's keys."""
    generator, weights, inputs = torch.Generator().manual_seed(1), {}, 3
    for index, outputs in zip(INDICES, WIDTHS, strict=True):
        weights[f"{index}.weight"] = convolution(outputs, inputs)
        weights[f"{index}.bias"] = torch.randn(outputs, generator=generator) * 0.1
        inputs = outputs
    save_file(weights, path)
    return path


def random_convolution(generator: torch.Generator) -> Callable[[int, int], torch.Tensor]:
    def draw(outputs: int, inputs: int) -> torch.Tensor:
        scale = math.sqrt(2 / (9 * inputs))
        return torch.randn((outputs, inputs, 3, 3), generator=generator) * scale

    return draw


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Three photos, smooth, and three paintings, striped, of 64 to 80 pixels."""
    folder = tmp_path_factory.mktemp("training")
    teacher = folder / "teacher.safetensors"
    save_teacher(teacher, random_convolution(torch.Generator().manual_seed(0)))
    rng = numpy.random.default_rng(0)
    for kind, frequency in (("photos", 0.05), ("paintings", 0.8)):
        (folder / kind).mkdir()
        for number in range(3):
            y, x = numpy.mgrid[:64, : 64 + 8 * number]
            phases = [frequency * (a * x + b * y) for a, b in rng.uniform(-1, 1, (3, 2))]
            pixels = 127.5 + 100 * numpy.sin(numpy.stack(phases, -1)) + rng.normal(0, 5, (3,))
            picture = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
            picture.save(folder / kind / f"{number}.png")
    return Inputs(teacher, folder / "photos", folder / "paintings", folder)


@pytest.fixture(scope="module")
def teacher(inputs: Inputs) -> Network:
    return make_teacher(load_encoder(str(inputs.teacher)), "relu5_1")


def images(count: int = 2, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(seed))


def plain_pictures() -> Pictures:
    """One picture of each kind, in one color each."""
    photo, painting, result = (
        torch.full((3, 40, 50), value, dtype=torch.uint8) for value in (51, 102, 153)
    )
    return Pictures((photo,), (painting,), (result,))
