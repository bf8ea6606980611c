from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, LossKind, Settings
from stylecli.transfer.evaluation import REPORTED_OCTAVES, pyramid_of, relative_pyramid
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import fit, halve, resize

from .conftest import random
from .naive import continued, counted

Build = Callable[..., Encoder]
CPU = torch.device("cpu")
COMPUTE = Compute(device="cpu", precision="fp32")
SHARES = {"relu1_1": 0.5, "relu2_1": 0.3, "relu3_1": 0.2}
SETTINGS = Settings(style_layers=tuple(SHARES.items()))


@pytest.fixture(autouse=True)
def _all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecli.transfer.objective.octaves.FEWEST_POSITIONS", 1)


IMAGE, CONTENT, STYLE = random(1, 3, 64, 80), random(1, 3, 70, 88, seed=1), random(1, 3, 30, 40)


def targets_of(encoder: Encoder, settings: Settings = SETTINGS) -> Targets:
    return Targets(encoder, settings, dtype=torch.float64, device=CPU)


def request_of(
    *styles: Style, settings: Settings = SETTINGS, content: torch.Tensor = CONTENT
) -> Request:
    return Request(content[0], styles, settings)


def content_losses(encoder: Encoder, content: torch.Tensor, image: torch.Tensor) -> list[float]:
    content, found = resize(content, (image.shape[-2], image.shape[-1])), []
    for _ in range(3):
        one, other = (encoder(x, ["relu3_3"])["relu3_3"] for x in (image, content))
        found.append(float(losses.relative_distance(one, other)))
        image, content = halve(image), halve(content)
    return found


def style_losses(
    encoder: Encoder,
    style: torch.Tensor,
    image: torch.Tensor,
    scale: float = 1.0,
    mask: torch.Tensor | None = None,
) -> list[float]:
    """At full, half and quarter size; `mask` is on the image."""
    long_side = round(max(image.shape) * scale)
    style, found = resize(style, fit((style.shape[-2], style.shape[-1]), long_side)), []
    for octave in range(3):
        total, margin = 0.0, 4 if octave else 0
        for index, (name, share) in enumerate(SHARES.items()):
            own, wanted = (
                counted(encoder(continued(x, margin), [name])[name], x.shape, margin, 2**index)
                for x in (image, style)
            )
            positions = float(own[0, 0].numel())
            if mask is not None:
                guide = torch.nn.functional.avg_pool2d(mask, 2**index)
                own, positions = own * guide, float((guide**2).sum())
            one = losses.relative_distance(losses.gram_sum(own) / positions, losses.gram(wanted))
            total += share * float(one)
        found.append(total)
        image, style = halve(image), halve(style)
        mask = None if mask is None else halve(mask)
    return found


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_relative_losses_at_three_sizes(build: Build, kind: LossKind, scale: float) -> None:
    """Whatever the run was optimized for."""
    encoder = build()
    settings = replace(SETTINGS, losses=kind, octaves=1)
    request = request_of(Style(STYLE[0], 1.0, scale), settings=settings)
    found = pyramid_of(targets_of(encoder, settings), request, IMAGE, COMPUTE)
    content, style = zip(*found, strict=True)
    assert len(found) == 3 == REPORTED_OCTAVES
    assert content == pytest.approx(content_losses(encoder, CONTENT, IMAGE), rel=1e-9)
    assert style == pytest.approx(style_losses(encoder, STYLE, IMAGE, scale), rel=1e-9)


def test_regions_count_by_their_area(build: Build) -> None:
    encoder, other = build(), random(1, 3, 40, 30, seed=5)
    left = torch.zeros(1, 1, 64, 80, dtype=torch.float64)
    left[..., :20] = 1.0
    targets = targets_of(encoder)
    request = request_of(Style(STYLE[0]), Style(other[0], region=1))
    request = replace(request, regions=(left[0], 1.0 - left[0]))
    found = [style for _, style in pyramid_of(targets, request, IMAGE, COMPUTE)]
    first = style_losses(encoder, STYLE, IMAGE, mask=left)
    second = style_losses(encoder, other, IMAGE, mask=1.0 - left)
    wanted = [0.25 * a + 0.75 * b for a, b in zip(first, second, strict=True)]
    assert found == pytest.approx(wanted, rel=1e-9)


def test_a_part_of_a_style(build: Build) -> None:
    """Taken from its left alone, what is on its right does not count."""
    targets = targets_of(build())
    left = torch.zeros(1, 1, 30, 40, dtype=torch.float64)
    left[..., :20] = 1.0
    found = []
    for seed in (6, 7):
        picture = STYLE.clone()
        picture[..., 30:] = random(1, 3, 30, 10, seed=seed)
        request = request_of(Style(picture[0], mask=left[0]))
        found.append(pyramid_of(targets, request, IMAGE, COMPUTE)[0])
    whole = pyramid_of(targets, request_of(Style(STYLE[0])), IMAGE, COMPUTE)[0]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert whole[1] != pytest.approx(found[0][1], rel=1e-3)


def test_tiles_change_nothing(build: Build) -> None:
    targets = targets_of(build())
    request = request_of(Style(STYLE[0]))
    found, tiled = (
        torch.tensor(pyramid_of(targets, request, IMAGE, replace(COMPUTE, tile=tile)))
        for tile in ("off", "64")
    )
    torch.testing.assert_close(tiled, found, rtol=1e-10, atol=0)


def test_nothing_is_lost_where_nothing_differs(build: Build) -> None:
    targets = targets_of(build())
    request = request_of(Style(IMAGE[0]), content=IMAGE)
    for content, style in pyramid_of(targets, request, IMAGE, COMPUTE):
        assert content < 1e-20 and style < 1e-20


@pytest.mark.parametrize(
    ("size", "expected"), [((16, 40), 3), ((9, 40), 2), ((7, 40), 2), ((4, 4), 1)]
)
def test_fewer_sizes_of_a_small_picture(build: Build, size: tuple[int, int], expected: int) -> None:
    """The deepest layer needs 4 pixels."""
    targets = targets_of(build())
    request = request_of(Style(STYLE[0]))
    assert len(pyramid_of(targets, request, resize(IMAGE, size), COMPUTE)) == expected


def test_a_report_is_not_worth_memory_that_is_short(build: Build) -> None:
    targets = targets_of(build())
    request = request_of(Style(STYLE[0]))
    assert pyramid_of(targets, request, IMAGE, replace(COMPUTE, max_memory="1M")) == ()


def test_of_pictures_alone(build: Build) -> None:
    """With the encoder's own layers, in single precision."""
    encoder = build()
    targets = targets_of(encoder, Settings())
    request = request_of(Style(STYLE[0]), settings=Settings())
    wanted = pyramid_of(targets, request, IMAGE, COMPUTE)
    pictures = CONTENT.float(), STYLE.float(), IMAGE.float()
    found = relative_pyramid(encoder, *pictures, COMPUTE)
    for pair, expected in zip(found, wanted, strict=True):
        assert pair == pytest.approx(expected, rel=1e-4)
