from collections.abc import Callable, Mapping

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError, UsageError
from stylecli.settings import Settings
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.objective import Objective
from stylecli.transfer.objective.octaves import SMALLEST_OCTAVE
from stylecli.transfer.objective.targets import Targets, check_smallest_size
from stylecli.transfer.objective.types import Target
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import Size, resize

from ..conftest import random

CPU = torch.device("cpu")
PLAIN = Settings()


def targets_of(encoder: Encoder, settings: Settings) -> Targets:
    return Targets(encoder, settings, dtype=torch.float64, device=CPU)


def objective_of(
    targets: Targets,
    content: torch.Tensor,
    styles: list[torch.Tensor],
    size: Size,
    settings: Settings = PLAIN,
) -> Objective:
    """Of one picture, its styles in equal parts."""
    request = Request(content[0], [Style(style[0]) for style in styles], settings)
    return targets.objective([request], size)


def grams_of(objective: Objective, octave: int = 0) -> Mapping[str, Target]:
    (region,) = objective.octaves[octave].regions
    return region.grams


def test_content_and_style_are_measured_at_the_pictures_size(
    build: Callable[..., Encoder],
) -> None:
    encoder = build()
    content, style = random(1, 3, 50, 70), random(1, 3, 90, 60, seed=1)
    objective = objective_of(targets_of(encoder, Settings(octaves=1)), content, [style], (40, 56))
    wanted = encoder(resize(content, (40, 56)), ["relu3_3"])["relu3_3"]
    found = objective.content["relu3_3"]
    torch.testing.assert_close(found.value, wanted)
    torch.testing.assert_close(found.squared_norm, wanted.square().sum((1, 2, 3)))
    assert objective.octaves[0].level.size == (40, 56)
    features = encoder(resize(style, (56, 37)), ["relu1_1", "relu2_1", "relu3_1"])  # undistorted
    for name, x in features.items():
        torch.testing.assert_close(grams_of(objective)[name].value, losses.gram(x))


def test_octaves_halve_and_stop_at_the_smallest(build: Callable[..., Encoder]) -> None:
    pictures = random(1, 3, 64, 64), [random(1, 3, 64, 64)]

    def sizes(octaves: int | None, size: Size) -> list[Size]:
        targets = targets_of(build(), Settings(octaves=octaves))
        found = objective_of(targets, *pictures, size).octaves
        assert sum(octave.weight for octave in found) == pytest.approx(1.0)
        assert len({octave.weight for octave in found}) == 1
        return [octave.level.size for octave in found]

    assert SMALLEST_OCTAVE == 32
    assert sizes(1, (128, 160)) == [(128, 160)]
    assert sizes(3, (128, 160)) == [(128, 160), (64, 80), (32, 40)]
    assert sizes(5, (128, 160)) == [(128, 160), (64, 80), (32, 40)]
    assert sizes(None, (128, 160)) == [(128, 160), (64, 80), (32, 40)]
    assert [max(one) for one in sizes(None, (1000, 300))] == [1000, 500, 250, 125]
    assert sizes(3, (62, 160)) == [(62, 160)]
    assert sizes(3, (20, 20)) == [(20, 20)]


@pytest.mark.parametrize(("scale", "count"), [(2.0, 3), (1.0, 3), (0.5, 2), (0.25, 1)])
def test_octaves_stop_where_the_style_at_its_scale_does(
    build: Callable[..., Encoder], scale: float, count: int
) -> None:
    targets, picture = targets_of(build(), Settings()), random(3, 64, 64)
    left = torch.zeros_like(picture[:1])
    left[..., :32] = 1.0
    styles = Style(picture), Style(picture, scale=scale), Style(picture, region=1)
    request = Request(picture, styles, Settings(), None, (left, 1.0 - left))
    sides = [octave.level.size[0] for octave in targets.objective([request], (128, 128)).octaves]
    assert sides == [128, 64, 32][:count]


def test_several_styles_are_blended_in_equal_parts(build: Callable[..., Encoder]) -> None:
    targets = targets_of(build(), Settings())
    content, styles = random(1, 3, 24, 24), [random(1, 3, 24, 24, seed=s) for s in (1, 2, 3)]

    def grams(chosen: list[torch.Tensor]) -> torch.Tensor:
        return grams_of(objective_of(targets, content, chosen, (24, 24)))["relu2_1"].value

    mean = torch.stack([grams([style]) for style in styles]).mean(0)
    torch.testing.assert_close(grams(styles), mean)
    torch.testing.assert_close(grams([styles[0]] * 2), grams([styles[0]]))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (3, 5)])
def test_any_style_picture_will_do(build: Callable[..., Encoder], size: Size) -> None:
    targets = targets_of(build(), Settings())
    objective = objective_of(targets, random(1, 3, 40, 40), [random(1, 3, *size)], (40, 40))
    terms, gradient = objective(random(1, 3, 40, 40, seed=5))
    assert bool(torch.isfinite(terms.total).all() & torch.isfinite(gradient).all())


def test_size_needed_is_the_deepest_layers(build: Callable[..., Encoder]) -> None:
    assert targets_of(build(), Settings()).size_needed == 4
    deep = Settings(content_layers=(("relu1_1", 1.0),), style_layers=(("relu2_1", 1.0),))
    targets = targets_of(build(), deep)
    assert targets.size_needed == 2
    pictures = random(1, 3, 9, 9), [random(1, 3, 9, 9)]
    objective_of(targets, *pictures, (2, 2), deep)
    with pytest.raises(InputError, match="1x2 pixels.*at least 2x2"):
        objective_of(targets, *pictures, (2, 1), deep)


def test_check_size() -> None:
    check_smallest_size((16, 16), 16, "it")
    with pytest.raises(InputError, match="^the output is 40x15 pixels.*16x16.*--size"):
        check_smallest_size((15, 40), 16, "the output")


@pytest.mark.parametrize("which", ["content_layers", "style_layers"])
def test_unknown_layer(build: Callable[..., Encoder], which: str) -> None:
    settings = Settings.from_dict({which: "relu3-1"})
    with pytest.raises(UsageError, match=r"unknown layer 'relu3-1'; did you mean 'relu3_1'\?"):
        targets_of(build(), settings)
