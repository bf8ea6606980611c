"""Perceptual metric: distances, Gram matrices and style descriptors of pictures."""

import pytest
import torch

from stylecli.encoder.loading import load_encoder
from stylecli.recognition.metric import (
    PerceptualMetric,
    style_descriptor,
    style_distances,
    symmetric_distance,
)


@pytest.fixture(scope="module")
def metric() -> PerceptualMetric:
    return PerceptualMetric(load_encoder("compact"), torch.device("cpu"))


def test_symmetric_distance_by_hand() -> None:
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    assert symmetric_distance(a, b) == 2 * 25 / (9 + 16)
    assert symmetric_distance(a, a) == 0.0
    assert symmetric_distance(torch.tensor([1.0]), torch.tensor([2.0])) == pytest.approx(2 / 5)
    assert symmetric_distance(torch.zeros(3), torch.zeros(3)) == 0.0


def test_identical_pictures_are_at_zero(metric: PerceptualMetric, content: torch.Tensor) -> None:
    found = metric.distances(content, content.clone())
    assert (found.content, found.style, set(found.layers.values())) == (0.0, 0.0, {0.0})


@pytest.mark.parametrize("size", [(40, 56), (90, 20), (16, 16), (1, 300), (700, 9)])
def test_distances_are_symmetric_at_any_shape(
    metric: PerceptualMetric, content: torch.Tensor, size: tuple[int, int]
) -> None:
    other = torch.rand((3, *size), generator=torch.Generator().manual_seed(1))
    one, two = metric.distances(content, other), metric.distances(other, content)
    assert one == two
    assert 0.0 < one.style <= 2.0
    assert 0.0 < one.content <= 2.0


def test_style_is_the_weighted_mean_of_its_layers(
    metric: PerceptualMetric, content: torch.Tensor, style: torch.Tensor
) -> None:
    found = metric.distances(content, style)
    total = sum(weight * found.layers[name] for name, weight in metric.style)
    assert found.style == pytest.approx(total / sum(weight for _, weight in metric.style))
    assert list(found.layers) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]


def test_grams_are_those_of_the_features(metric: PerceptualMetric, style: torch.Tensor) -> None:
    (gram, *_) = metric.grams(style, 56)
    features = metric.style_extractor.forward(style[None], keep=False).features["relu3_1"][0]
    channels, height, width = features.shape
    naive = torch.zeros(channels, channels)
    for y in range(height):
        for x in range(width):
            naive += torch.outer(features[:, y, x], features[:, y, x])
    torch.testing.assert_close(gram["relu3_1"], naive / (height * width), rtol=1e-4, atol=1e-5)


def test_octaves_end_where_the_layers_do(metric: PerceptualMetric, content: torch.Tensor) -> None:
    assert len(metric.grams(content, 64)) == 1
    assert len(metric.grams(content, 128)) == 2
    assert len(metric.grams(content, 512)) == 3
    assert len(metric.grams(content, 512, octaves=1)) == 1


def test_shuffling_places_changes_content_more_than_style(
    metric: PerceptualMetric, style: torch.Tensor
) -> None:
    found = metric.distances(style, style.roll((20, 28), (-2, -1)))
    assert found.content > 2 * found.style


def test_unlike_numbers_of_octaves_compare_what_both_have() -> None:
    one, two = {"a": torch.eye(2)}, {"a": 2 * torch.eye(2)}
    assert style_distances([one], [one, two]) == {"a": 0.0}


def test_a_code_by_hand() -> None:
    gram = torch.tensor([[4.0, -2.0], [-2.0, 1.0]])
    upper = torch.tensor([2.0, -((2.0 * 2**0.5) ** 0.5), 1.0])
    torch.testing.assert_close(style_descriptor({"a": gram}), upper / upper.norm())
    two = style_descriptor({"a": gram, "b": torch.eye(3)})
    assert float(two.norm()) == pytest.approx(1.0)
    assert len(two) == 3 + 6


def test_descriptors_do_not_depend_on_brightness_of_all(
    metric: PerceptualMetric, style: torch.Tensor
) -> None:
    grams = metric.grams(style, 56, octaves=1)[0]
    louder = {name: 9.0 * gram for name, gram in grams.items()}
    torch.testing.assert_close(style_descriptor(grams), style_descriptor(louder))


def test_what_is_transparent_does_not_count(
    metric: PerceptualMetric, content: torch.Tensor, style: torch.Tensor
) -> None:
    alpha = torch.zeros(1, 48, 64)
    alpha[..., :32] = 1.0
    picture, opaque = torch.cat([content, alpha]), torch.cat([content, torch.ones(1, 48, 64)])
    assert metric.distances(picture, picture.clone()).style == 0.0
    left, right = metric.grams(picture, 64)[0], metric.grams(torch.cat([content, 1 - alpha]), 64)[0]
    whole = metric.grams(content, 64)[0]
    for name in ("relu1_1", "relu2_1"):
        both = (left[name] + right[name]) / 2
        torch.testing.assert_close(both, whole[name], rtol=1e-4, atol=1e-4)
    found = metric.grams(opaque, 64)[0]
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-4)
    apart = metric.distances(picture, torch.cat([content.flip(0), 1 - alpha]))
    assert apart.content == 2.0  # no place is seen in both
    assert metric.content_distance(picture, content, 64) == pytest.approx(0.0, abs=1e-9)
