"""How far a result is from what it was made from, as `stylize compare` says it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli.encoder.loading import load_encoder
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.job import Job
from stylecli.pipeline.measure import Meter
from stylecli.pipeline.session import Session
from stylecli.recognition.matching import compare_files, open_metric
from stylecli.recognition.metric import PerceptualMetric
from stylecli.settings import Compute, Settings


@pytest.fixture
def measured(content_path: Path, style_path: Path) -> Any:
    """Distances of a picture to the content and to styles, as a studio measures them."""
    session = Session()
    encoder = load_encoder("compact")

    def run(image: torch.Tensor, *more: Path, **settings: Any) -> dict[str, float]:
        job = Job(
            content=content_path,
            styles=(style_path, *more),
            output=content_path.with_name("out.png"),
            settings=Settings(**settings),
        )
        return session.meter.measure(encoder, job, session.prepare(job).inputs, image)

    return run


def test_as_compare_says_it(measured: Any, content_path: Path, style_path: Path) -> None:
    image = torch.rand((3, 48, 64), generator=torch.Generator().manual_seed(2))
    path = content_path.with_name("image.png")
    write_picture(path, image)
    image = read_picture(path).pixels
    metric, _ = open_metric("compact", Compute())
    found = measured(image)
    assert found["content_distance"] == compare_files(content_path, path, metric).content
    assert found["style_distance"] == compare_files(path, style_path, metric).style


def test_the_content_and_the_style_themselves(
    measured: Any, content: torch.Tensor, style_path: Path
) -> None:
    content = (content * 255).round() / 255
    assert measured(content)["content_distance"] == pytest.approx(0.0, abs=1e-9)
    assert measured(read_picture(style_path).pixels)["style_distance"] < 0.2


def test_several_styles_by_their_weights(
    measured: Any, content: torch.Tensor, content_path: Path
) -> None:
    image = content.flip(-1)
    one = measured(image)["style_distance"]
    both = measured(image, content_path, style_weights=(3.0, 1.0))["style_distance"]
    other = measured(image, content_path, style_weights=(0.0, 1.0))["style_distance"]
    assert both == pytest.approx((3 * one + other) / 4)


def test_a_style_is_looked_at_once(
    measured: Any, content: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    grams = PerceptualMetric.grams

    def counted(self: PerceptualMetric, picture: torch.Tensor, *more: Any, **names: Any) -> Any:
        looked.append(picture)
        return grams(self, picture, *more, **names)

    monkeypatch.setattr(PerceptualMetric, "grams", counted)
    for _ in range(3):
        measured(content)
    assert len(looked) == 1 + 3


def test_short_memory_costs_the_distances_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    class Prepared:
        job = type("", (), {"settings": Settings()})
        inputs = None

    result: Any = type("", (), {"planes": None})
    monkeypatch.setattr(Meter, "measure", fail)
    monkeypatch.setattr(Session, "encoder", lambda *_: None)
    prepared: Any = Prepared
    assert Session().measure(prepared, result) == {}
    monkeypatch.setattr(Meter, "measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Session().measure(prepared, result)
