import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.vgg import Encoder
from stylecli.settings import LossKind
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.gram_loss import multiply_channels
from stylecli.transfer.objective.loss_weights import Weights
from stylecli.transfer.objective.objective import Objective, chroma_matrix
from stylecli.transfer.objective.octaves import Level
from stylecli.transfer.objective.types import Octave, Region, target_of
from stylecli.transfer.optim.loop import Terms
from stylecli.transfer.optim.preconditioner import color_basis
from stylecli.transfer.resample import Size, resize

from ..conftest import random
from ..naive import continued, counted, halved

CPU = torch.device("cpu")
STYLE = (("relu1_1", 0.5), ("relu2_1", 0.3), ("relu3_1", 0.2))
STRIDE = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4}
OCTAVES: tuple[tuple[Size, float], ...] = (((25, 31), 0.5), ((13, 16), 0.3), ((7, 8), 0.2))


@dataclass
class Case:
    """Everything an objective is made of, and its definition as one differentiable sum."""

    encoder: Encoder
    weights: Weights
    octaves: tuple[tuple[Size, float], ...]
    margin: int = 4  # of the octaves below the first

    def __post_init__(self) -> None:
        size = self.octaves[0][0]
        content, style = random(1, 3, *size, seed=1), random(1, 3, 28, 20, seed=2)
        names = [name for name, _ in self.weights.content]
        self.content = self.encoder(content, names)
        self.grams = []
        for index, (reduced, _) in enumerate(self.octaves):
            features = self.features(resize(style, reduced), index)
            self.grams.append({name: losses.gram(x) for name, x in features.items()})

    def features(self, picture: torch.Tensor, octave: int) -> dict[str, torch.Tensor]:
        """Style features at the positions of a picture, which is continued for them."""
        margin = self.margin if octave else 0
        names = [name for name, _ in self.weights.style]
        found = self.encoder(continued(picture, margin), names)
        return {n: counted(found[n], picture.shape, margin, STRIDE[n]) for n in names}

    def objective(self, tile: int | None = None) -> Objective:
        style = [name for name, _ in self.weights.style]
        layers = [*style, *self.content]
        return Objective(
            FeatureExtractor(self.encoder, layers, dtype=torch.float64, device=CPU),
            FeatureExtractor(self.encoder, style, dtype=torch.float64, device=CPU),
            [self.weights],
            {name: target_of(x) for name, x in self.content.items()},
            [
                Octave(
                    Level(size, self.weights.style, self.margin if index else 0),
                    (Region({n: target_of(x) for n, x in self.grams[index].items()}),),
                    weight,
                )
                for index, (size, weight) in enumerate(self.octaves)
            ],
            tile,
        )

    def definition(self, image: torch.Tensor) -> Terms:
        w = self.weights
        content, style = self._content(image), self._style(image)
        variation = w.tv * losses.total_variation(image)
        basis = color_basis(image)
        parts = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(basis), image)
        color = torch.einsum("ij,bjhw->bihw", basis[:, 1:], parts[:, 1:])
        variation = variation + w.chroma_tv * losses.total_variation(color)
        return Terms(w.alpha * content + w.beta * style + variation, content, style, variation)

    def _content(self, image: torch.Tensor) -> torch.Tensor:
        features = self.encoder(image, list(self.content))
        total = torch.zeros(len(image), dtype=torch.float64)
        for name, weight in self.weights.content:
            pair = features[name], self.content[name]
            if self.weights.kind == "relative":
                shares = sum(weight for _, weight in self.weights.content)
                total = total + weight / shares * losses.relative_distance(*pair)
            else:
                total = total + weight * losses.gatys_content(*pair)
        return total

    def _style(self, image: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(len(image), dtype=torch.float64)
        for index, (size, share) in enumerate(self.octaves):
            while tuple(image.shape[-2:]) != size:
                image = halved(image)
            grams, features = self.grams[index], self.features(image, index)
            for name, weight in self.weights.style:
                gram, positions = losses.gram(features[name]), features[name][0, 0].numel()
                if self.weights.kind == "relative":
                    one = losses.relative_distance(gram, grams[name])
                else:
                    one = losses.gatys_style(gram, grams[name], positions)
                total = total + share * weight * one
        return total


def check(case: Case, tile: int | None = None) -> None:
    """Value and gradient of two pictures at once, against the definition and autograd."""
    image = random(2, 3, *case.octaves[0][0])
    variable = image.clone().requires_grad_()
    expected = case.definition(variable)
    (gradient,) = torch.autograd.grad(expected.total.sum(), variable)
    terms, found = case.objective(tile)(image)
    for value, wanted in zip(terms, expected, strict=True):
        torch.testing.assert_close(value, wanted.detach(), rtol=1e-10, atol=0)
    error = (found - gradient).flatten(1).norm(dim=1) / gradient.flatten(1).norm(dim=1)
    assert float(error.max()) < 1e-10


@pytest.mark.parametrize(
    ("kind", "octaves", "pooling"),
    list(itertools.product(("relative", "gatys"), (1, 3), ("max", "average"))),
)
def test_value_and_gradient_are_the_definitions(
    build: Callable[..., Encoder], kind: LossKind, octaves: int, pooling: str
) -> None:
    content = (("conv2_2", 2.0), ("relu3_3", 1.0))
    weights = Weights(1.5, 7.0, 0.3, 0.8, content, STYLE, kind)
    check(Case(build(pooling), weights, OCTAVES[:octaves]))


@pytest.mark.parametrize("margin", [0, 8])
def test_value_and_gradient_with_any_margin(build: Callable[..., Encoder], margin: int) -> None:
    weights = Weights(1.5, 7.0, 0.3, 0.8, (("relu3_3", 1.0),), STYLE)
    check(Case(build(), weights, (((38, 51), 0.6), ((19, 26), 0.4)), margin))


@pytest.mark.parametrize("kind", ["relative", "gatys"])
def test_a_layer_may_be_content_and_style_at_once(
    build: Callable[..., Encoder], kind: LossKind
) -> None:
    content = (("relu2_1", 1.0), ("relu1_1", 0.5))
    check(Case(build(), Weights(2.0, 3.0, 0.0, 0.0, content, STYLE, kind), OCTAVES[:2]))


@pytest.mark.parametrize(
    ("alpha", "beta", "tv", "chroma_tv"),
    [(0.0, 1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 2.0, 0.0), (1.0, 0.0, 0.0, 3.0)],
)
def test_terms_left_out(
    build: Callable[..., Encoder], alpha: float, beta: float, tv: float, chroma_tv: float
) -> None:
    weights = Weights(alpha, beta, tv, chroma_tv, (("relu3_3", 1.0),), STYLE)
    check(Case(build(), weights, OCTAVES))


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("tile", [8, 16, 24])
def test_tiles_add_up_to_the_same(build: Callable[..., Encoder], kind: LossKind, tile: int) -> None:
    content = (("conv2_2", 2.0), ("relu3_3", 1.0))
    octaves: tuple[tuple[Size, float], ...] = (((45, 70), 0.6), ((23, 35), 0.4))
    check(Case(build(), Weights(1.5, 7.0, 0.3, 0.8, content, STYLE, kind), octaves), tile)


def test_zero_where_everything_is_as_wanted(build: Callable[..., Encoder]) -> None:
    """The content itself, with its own Gram matrices as the style's."""
    case = Case(build(), Weights(1.0, 1.0, 0.0, 0.0, (("relu3_3", 1.0),), STYLE), OCTAVES[:1])
    content = random(1, 3, *OCTAVES[0][0], seed=1)
    case.grams = [
        {n: losses.gram(x) for n, x in case.encoder(content, [n for n, _ in STYLE]).items()}
    ]
    terms, gradient = case.objective()(content)
    assert float(terms.total) < 1e-25
    assert float(gradient.abs().max()) < 1e-12


def test_total_is_the_weighted_sum(build: Callable[..., Encoder]) -> None:
    weights = Weights(1.0, 1.0, 1.0, 1.0, (("relu3_3", 1.0),), STYLE)
    case = Case(build(), weights, OCTAVES)
    image = random(1, 3, *OCTAVES[0][0])
    one, _ = case.objective()(image)
    case.weights = replace(weights, alpha=4.0, beta=9.0)
    other, _ = case.objective()(image)
    assert other[1:] == one[1:]
    expected = 4 * one.content + 9 * one.style + one.total_variation
    torch.testing.assert_close(other.total, expected)


def test_relative_losses_of_the_encoder_do_not_know_its_scale(
    build: Callable[..., Encoder],
) -> None:
    """Content and style keep their value when every feature is ten times as large."""
    weights = Weights(1.0, 1.0, 0.0, 0.0, (("relu1_1", 1.0),), (("relu1_1", 1.0),))
    found = []
    for scale in (1.0, 10.0):
        encoder = build()
        for parameter in encoder.parameters():
            parameter.mul_(scale)
        terms, _ = Case(encoder, weights, OCTAVES[:1]).objective()(random(1, 3, 25, 31))
        found.append(torch.stack([terms.content, terms.style]))
    torch.testing.assert_close(found[0], found[1])


def test_the_image_stays_as_it_is_and_wants_no_autograd(build: Callable[..., Encoder]) -> None:
    weights = Weights(1.0, 1.0, 1.0, 1.0, (("relu3_3", 1.0),), STYLE)
    image = random(1, 3, *OCTAVES[0][0])
    before = image.clone()
    terms, gradient = Case(build(), weights, OCTAVES).objective()(image)
    assert torch.equal(image, before)
    assert not terms.total.requires_grad and not gradient.requires_grad


def test_chroma_matrix_removes_luminance_alone() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    basis, matrix = color_basis(like), chroma_matrix(like)
    torch.testing.assert_close(matrix @ basis[:, 0], torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(matrix @ basis[:, 1:], basis[:, 1:])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_multiply_channels(layout: torch.memory_format) -> None:
    matrix, features = random(2, 4, 4), random(2, 4, 3, 5, seed=1)
    found = multiply_channels(matrix, features.contiguous(memory_format=layout))
    torch.testing.assert_close(found, torch.einsum("bij,bjhw->bihw", matrix, features))
    low = multiply_channels(matrix, features.bfloat16().contiguous(memory_format=layout))
    assert low.dtype == torch.bfloat16
