from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import LossKind, Settings
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.objective import Objective
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.request import Part, Request, Style
from stylecli.transfer.resample import Size, fit, resize, resize_mask

from ..conftest import random
from ..naive import continued, counted, halved

Build = Callable[..., Encoder]
CPU = torch.device("cpu")
SIZE: Size = (45, 70)
STRIDE = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4}
PLAIN = Settings(alpha=1.5, beta=7.0, tv=0.3, chroma_tv=0.8)


@pytest.fixture(autouse=True)
def _small_octaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecli.transfer.objective.octaves.SMALLEST_OCTAVE", 8)
    monkeypatch.setattr("stylecli.transfer.objective.octaves.FEWEST_POSITIONS", 1)


def soft_mask(height: int, width: int) -> torch.Tensor:
    """1 on the left, 0 on the right, with a slanted soft edge."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.sigmoid((width / 2 - x.double() + y / 3) / 3)[None]


def parts_of() -> tuple[Part, ...]:
    """Two styles on the left, one of them in part; a third on the right, with larger strokes."""
    left = soft_mask(50, 80)
    first = Style(random(3, 40, 30, seed=2), 3.0, 1.0, random(1, 40, 30, seed=3).round())
    second = Style(random(3, 33, 47, seed=4), 1.0)
    third = Style(random(3, 60, 50, seed=5), 2.0, 1.5, soft_mask(60, 50))
    return Part((first, second), left), Part((third,), 1.0 - left)


def guided_gram(
    encoder: Encoder, picture: torch.Tensor, mask: torch.Tensor | None, name: str, margin: int
) -> torch.Tensor:
    """Σ T² F Fᵀ / Σ T², with T the mask's mean over each position's cell of pixels.

    The encoder, though not the sum, sees `margin` more pixels; and a mask is applied to features,
    so that it need not be continued.
    """
    stride = STRIDE[name]
    features = encoder(continued(picture, margin), [name])[name]
    features = counted(features, picture.shape, margin, stride)
    if mask is None:
        return losses.gram(features)
    height, width = features.shape[-2:]
    cells = mask[0, 0, : height * stride, : width * stride]
    guide = cells.reshape(height, stride, width, stride).mean((1, 3))
    return torch.einsum("hw,bihw,bjhw->bij", guide**2, features, features) / (guide**2).sum()


def naive_style(
    encoder: Encoder, parts: tuple[Part, ...], image: torch.Tensor, kind: LossKind
) -> torch.Tensor:
    """Σ over octaves and regions, by the definition, from pictures."""
    total = torch.zeros(len(image), dtype=torch.float64)
    shares = {"relu1_1": 3 / 6, "relu2_1": 2 / 6, "relu3_1": 1 / 6}
    for part in parts:
        assert part.mask is not None
        mask = resize_mask(part.mask[None], SIZE)
        area, picture = float(mask.mean()), image
        sizes = [fit(size_of(s.picture), round(70 * s.scale)) for s in part.styles]
        pictures = [
            resize(s.picture[None], size) for s, size in zip(part.styles, sizes, strict=True)
        ]
        for level in range(3):
            margin = 4 if level else 0
            if level:
                picture, mask = halved(picture), halved(mask)
                pictures = [halved(style) for style in pictures]
            for name in STRIDE:
                wanted = torch.zeros((), dtype=torch.float64)
                weights = sum(style.weight for style in part.styles)
                for style, painting in zip(part.styles, pictures, strict=True):
                    own = None
                    if style.mask is not None:
                        own = resize_mask(style.mask[None], size_of(painting))
                    gram = guided_gram(encoder, painting, own, name, margin)
                    wanted = wanted + style.weight / weights * gram
                found = guided_gram(encoder, picture, mask, name, margin)
                one = losses.relative_distance(found, wanted)
                if kind == "gatys":
                    one = losses.gatys_style(found, wanted, 1)
                total = total + area * shares[name] / 3 * one
    return total


def objective_of(
    encoder: Encoder,
    parts: tuple[Part, ...],
    *,
    tile: int | None = None,
    settings: Settings = PLAIN,
    size: Size = SIZE,
) -> Objective:
    targets = Targets(encoder, settings, dtype=torch.float64, device=CPU)
    styles = [replace(s, region=n) for n, part in enumerate(parts) for s in part.styles]
    regions = [part.mask for part in parts if part.mask is not None]
    request = Request(random(3, 50, 80, seed=1), styles, settings, None, regions)
    return targets.objective([request], size, tile)


EVEN: dict[str, Any] = {"style_layers": (("relu1_1", 3.0), ("relu2_1", 2.0), ("relu3_1", 1.0))}


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("tile", [None, 24])
def test_regions_are_the_definition(build: Build, kind: LossKind, tile: int | None) -> None:
    settings = Settings(alpha=0.0, beta=1.0, chroma_tv=0.0, losses=kind, **EVEN)
    objective = objective_of(build(), parts_of(), tile=tile, settings=settings)
    image = random(1, 3, *SIZE)
    variable = image.clone().requires_grad_()
    expected = naive_style(build(), parts_of(), variable, kind)
    (gradient,) = torch.autograd.grad(expected.sum(), variable)
    terms, found = objective(image)
    torch.testing.assert_close(terms.style, expected.detach(), rtol=1e-10, atol=0)
    assert float((found - gradient).norm() / gradient.norm()) < 1e-10


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("tile", [16, 40])
def test_tiles_add_up_to_the_same(build: Build, kind: LossKind, tile: int) -> None:
    settings = replace(PLAIN, losses=kind)
    image = random(1, 3, *SIZE)
    wanted, gradient = objective_of(build(), parts_of(), settings=settings)(image)
    terms, found = objective_of(build(), parts_of(), tile=tile, settings=settings)(image)
    for value, expected in zip(terms, wanted, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    assert float((found - gradient).norm() / gradient.norm()) < 1e-10


@pytest.mark.parametrize("tile", [None, 16])
def test_a_measure_is_the_losses_without_gradients(build: Build, tile: int | None) -> None:
    objective = objective_of(build(), parts_of(), tile=tile, settings=replace(PLAIN, octaves=1))
    image = random(1, 3, *SIZE)
    terms, _ = objective(image)
    content, style = objective.measure(image)
    torch.testing.assert_close((content, style), (terms.content, terms.style))


def test_one_region_that_is_everything_is_no_region(build: Build) -> None:
    (style, *_) = parts_of()[1].styles
    image, everything = random(1, 3, *SIZE), torch.ones(1, 50, 80, dtype=torch.float64)
    wanted, gradient = objective_of(build(), (Part((style,)),))(image)
    terms, found = objective_of(build(), (Part((style,), everything),))(image)
    torch.testing.assert_close(terms.total, wanted.total, rtol=1e-12, atol=0)
    torch.testing.assert_close(found, gradient, rtol=1e-9, atol=1e-15)


def test_a_style_acts_in_its_region_alone(build: Build) -> None:
    """Beyond the reach of its features, another style on the left changes nothing."""
    left = torch.zeros(1, 32, 64, dtype=torch.float64)
    left[..., :32] = 1.0
    right, image = 1.0 - left, random(1, 3, 32, 64)
    settings = Settings(alpha=0.0, beta=1.0, chroma_tv=0.0, octaves=1)
    gradients = []
    for seed in (6, 7):
        parts = (
            Part((Style(random(3, 20, 30, seed=seed)),), left),
            Part((Style(random(3, 20, 30, seed=8)),), right),
        )
        objective = objective_of(build(), parts, settings=settings, size=(32, 64))
        gradients.append(objective(image)[1])
    torch.testing.assert_close(gradients[0][..., 44:], gradients[1][..., 44:], rtol=1e-12, atol=0)
    assert float((gradients[0] - gradients[1])[..., :32].norm() / gradients[0].norm()) > 1e-3


def test_styles_are_blended_by_the_weighted_sum_of_their_gram_matrices(build: Build) -> None:
    """Weights count by their shares; the loss is that against one target."""
    one, other = random(1, 3, 40, 30, seed=2), random(1, 3, 33, 47, seed=4)
    settings = Settings(alpha=0.0, beta=1.0, chroma_tv=0.0, octaves=1, **EVEN)
    image, encoder = random(1, 3, *SIZE), build()

    def style_of(*weights: float) -> torch.Tensor:
        styles = tuple(
            Style(x[0], weight) for x, weight in zip((one, other), weights, strict=False)
        )
        terms, _ = objective_of(encoder, (Part(styles),), settings=settings)(image)
        return terms.style

    found = style_of(3.0, 1.0)
    torch.testing.assert_close(style_of(0.75, 0.25), found)
    torch.testing.assert_close(style_of(5.0, 0.0), style_of(1.0))
    expected = torch.zeros(1, dtype=torch.float64)
    for name, share in zip(STRIDE, (3 / 6, 2 / 6, 1 / 6), strict=True):
        first, second = (
            losses.gram(encoder(resize(x, fit(size_of(x), 70)), [name])[name]) for x in (one, other)
        )
        own = losses.gram(encoder(image, [name])[name])
        blended = 0.75 * first + 0.25 * second
        expected = expected + share * losses.relative_distance(own, blended)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_scale_is_the_size_at_which_a_style_is_looked_at(build: Build, scale: float) -> None:
    style, encoder = random(1, 3, 40, 30, seed=2), build()
    (region,) = objective_of(encoder, (Part((Style(style[0], 1.0, scale),)),)).octaves[0].regions
    sizes = {0.5: (35, 26), 1.0: (70, 52), 2.0: (140, 105)}
    for name in STRIDE:
        for own, size in sizes.items():
            gram = losses.gram(encoder(resize(style, size), [name])[name])
            same = torch.allclose(region.grams[name].value, gram, rtol=1e-9, atol=0)
            assert same == (own == scale)


@pytest.mark.parametrize("pixels", [0, 1])
def test_a_region_of_almost_nothing_gives_numbers(build: Build, pixels: int) -> None:
    spot = torch.zeros(1, 45, 70, dtype=torch.float64)
    spot[..., 20, 30] = float(pixels)
    style = random(3, 40, 30, seed=2)
    parts = (Part((Style(style),), spot), Part((Style(style, 1.0, 1.0, spot),), 1.0 - spot))
    terms, gradient = objective_of(build(), parts)(random(1, 3, *SIZE))
    assert bool(torch.isfinite(terms.total).all() & torch.isfinite(gradient).all())


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("tile", [None, 24])
@pytest.mark.parametrize("masked", [False, True])
def test_a_contents_alpha_weights_both_losses(
    build: Build, kind: LossKind, tile: int | None, masked: bool
) -> None:
    """‖T(F − P)‖² / ‖TP‖² for the content; the regions are the parts that can be seen."""
    layers = (("relu2_1", 2.0), ("relu3_1", 1.0))
    settings = replace(PLAIN, tv=0.0, chroma_tv=0.0, losses=kind, content_layers=layers, **EVEN)
    content, visible = random(3, *SIZE, seed=1), soft_mask(*SIZE)
    whole = torch.ones_like(visible)
    parts = parts_of() if masked else (Part(parts_of()[0].styles, whole),)
    styles = [replace(s, region=n) for n, part in enumerate(parts) for s in part.styles]
    regions = [part.mask for part in parts if part.mask is not None] if masked else []
    request = Request(content, styles, settings, None, regions, visible)
    encoder = build()
    targets = Targets(encoder, settings, dtype=torch.float64, device=CPU)
    image = random(1, 3, *SIZE)
    terms, found = targets.objective([request], SIZE, tile)(image)

    variable = image.clone().requires_grad_()
    seen = tuple(
        replace(part, mask=resize_mask(part.mask[None], SIZE)[0] * visible)
        for part in parts
        if part.mask is not None
    )
    style = naive_style(encoder, seen, variable, kind) / visible.mean()
    total = torch.zeros((), dtype=torch.float64)
    for name, weight in layers:
        own = encoder(variable, [name])[name]
        wanted = encoder(content[None], [name])[name]
        guide = torch.nn.functional.avg_pool2d(visible[None], STRIDE[name])
        if kind == "relative":
            share = weight / sum(each for _, each in layers)
            total = total + share * losses.relative_distance(own * guide, wanted * guide)
        else:
            total = total + weight * losses.gatys_content(own * guide, wanted * guide)
    expected = 1.5 * total + 7.0 * style
    (gradient,) = torch.autograd.grad(expected.sum(), variable)
    torch.testing.assert_close(terms.total, expected.detach(), rtol=1e-9, atol=0)
    assert float((found - gradient).norm() / gradient.norm()) < 1e-9


def size_of(image: torch.Tensor) -> Size:
    height, width = image.shape[-2:]
    return height, width
