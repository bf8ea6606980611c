import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.objective.gram_loss import Features
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.stylization import make_targets, stylize_batch

Build = Callable[..., Encoder]
CPU = torch.device("cpu")
COMPUTE = Compute(device="cpu", precision="fp32")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Sizes of the styles whose Gram matrices are computed."""
    found: list[torch.Size] = []
    measure = Targets._measured

    def noted(self: Targets, style: Style, *rest: Any) -> list[Features]:
        found.append(style.picture.shape[-2:])
        return measure(self, style, *rest)

    monkeypatch.setattr(Targets, "_measured", noted)
    return found


@pytest.fixture
def targets(build: Build) -> Targets:
    return Targets(build(), Settings(octaves=1), dtype=torch.float32, device=CPU)


def prepare(targets: Targets, *styles: Style, side: int = 16) -> torch.Tensor:
    """An objective as one of many runs makes it: a wanted Gram matrix of it."""
    request = Request(torch.zeros(3, side, side), styles, Settings())
    (region,) = targets.objective([request.to(CPU)], (side, side)).octaves[0].regions
    return region.grams["relu2_1"].value


def test_a_style_is_measured_once_for_many_runs(
    targets: Targets, measured: list[torch.Size], style: torch.Tensor
) -> None:
    first = prepare(targets, Style(style))
    assert torch.equal(prepare(targets, Style(style)), first)
    assert len(measured) == 1
    blended = prepare(targets, Style(style, 3.0), Style(torch.rand(3, 9, 9), 1.0))
    assert len(measured) == 2 and not torch.equal(blended, first)


def test_another_size_scale_or_part_is_another(
    targets: Targets, measured: list[torch.Size], style: torch.Tensor
) -> None:
    left = torch.zeros_like(style[:1])
    left[..., :20] = 1.0
    for _ in range(2):
        found = [
            prepare(targets, Style(style)),
            prepare(targets, Style(style), side=20),
            prepare(targets, Style(style, scale=2.0)),
            prepare(targets, Style(style, mask=left)),
            prepare(targets, Style(style, mask=1.0 - left)),
        ]
        assert len({float(gram.sum()) for gram in found}) == 5
    assert len(measured) == 6  # the last mask was made anew


def test_pictures_are_not_kept_alive(targets: Targets) -> None:
    style, mask = torch.rand(3, 20, 20), torch.ones(1, 20, 20)
    alive = weakref.ref(style), weakref.ref(mask)
    prepare(targets, Style(style), Style(style, mask=mask))
    del style, mask
    gc.collect()
    assert [one() for one in alive] == [None, None]


def test_a_picture_in_anothers_place_is_not_taken_for_it(
    targets: Targets, measured: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python gives the id of an object that is gone to a new one."""
    monkeypatch.setattr("stylecli.transfer.objective.targets.id", lambda _: 1, raising=False)
    first, second = torch.rand(3, 20, 20), torch.rand(3, 20, 20)
    wanted = prepare(targets, Style(first))
    del first
    assert not torch.equal(prepare(targets, Style(second)), wanted)
    assert len(measured) == 2
    prepare(targets, Style(second))
    assert len(measured) == 2


def test_the_styles_used_last_are_kept(targets: Targets, measured: list[torch.Size]) -> None:
    targets._cache.capacity = 2
    first, second, third = (torch.rand(3, 20, 20 + n) for n in range(3))
    for each in (first, second, second, first, third, first):
        prepare(targets, Style(each))
    assert len(measured) == 3
    prepare(targets, Style(second))
    assert len(measured) == 4


def test_a_batch_measures_its_style_once(
    build: Build, measured: list[torch.Size], style: torch.Tensor
) -> None:
    """Besides what the report of each picture looks at, which crowds out nothing."""
    settings = Settings(iterations=2, octaves=1)
    encoder = build().to(torch.float32)
    targets = make_targets(encoder, settings, COMPUTE)
    images = []
    for _ in range(3):
        request = Request(torch.full((3, 24, 24), 0.5), [Style(style)], settings)
        (result,) = stylize_batch([request], compute=COMPUTE, encoder=encoder, targets=targets)
        images.append(result.image)
        assert len(targets._cache) == 1
    assert measured.count(style.shape[-2:]) == 1
    assert torch.equal(images[0], images[1]) and torch.equal(images[0], images[2])
