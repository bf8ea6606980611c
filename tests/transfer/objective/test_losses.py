import math

import pytest
import torch

from stylecli.transfer.objective import losses

LOOSE_BF16 = 2**-8  # a bf16 product of one chunk keeps 8 bits


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_gram_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -1.0]]]])
    expected = torch.tensor([[[30.0, -2.0], [-2.0, 2.0]]]) / 4
    torch.testing.assert_close(losses.gram(features), expected)


def test_gram_is_the_papers_sum_over_positions() -> None:
    features = random(2, 3, 4, 5)
    found = losses.gram(features)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                rows = zip(features[b, i].flatten(), features[b, j].flatten(), strict=True)
                mean = sum(float(x) * float(y) for x, y in rows) / 20
                assert float(found[b, i, j]) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram_sum_of_any_layout(layout: torch.memory_format) -> None:
    features = random(2, 4, 6, 7)
    expected = torch.einsum("bchw,bdhw->bcd", features, features)
    found = losses.gram_sum(features.contiguous(memory_format=layout))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", [(1, 1), (32, 64), (59, 35), (64, 64), (67, 65)])
def test_low_precision_gram_sums_are_nearly_float32s(size: tuple[int, int]) -> None:
    """Below a chunk, one chunk, a chunk and a rest, two chunks, two and a rest."""
    features = random(2, 5, *size).relu().to(torch.bfloat16)
    features = features.contiguous(memory_format=torch.channels_last)
    found, exact = losses.gram_sum(features), losses.gram_sum(features.double())
    assert found.dtype == torch.float32
    error = (found - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
    assert float(error.max()) < LOOSE_BF16


@pytest.mark.parametrize("positions", [2048 + 17, 3 * 2048 + 1, 100])
def test_low_precision_gram_counts_every_position_once(positions: int) -> None:
    """Bf16 alone cannot count past 256."""
    features = torch.ones(2, 3, 1, positions, dtype=torch.bfloat16)
    features[1] = 2.0
    expected = torch.tensor([1.0, 4.0]).view(2, 1, 1).expand(2, 3, 3) * positions
    assert torch.equal(losses.gram_sum(features), expected)


def test_relative_distance_by_hand() -> None:
    value = torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]])
    target = torch.tensor([[1.0, 0.0], [3.0, 4.0], [3.0, 4.0]])
    assert losses.relative_distance(value, target).tolist() == [4.0, 1.0, 0.0]


def test_relative_distance_has_no_scale() -> None:
    value, target = random(2, 3, 4), random(2, 3, 4, seed=1)
    expected = losses.relative_distance(value, target)
    torch.testing.assert_close(losses.relative_distance(value * 1e3, target * 1e3), expected)


def test_relative_distance_to_a_blank_target_is_finite() -> None:
    assert losses.relative_distance(torch.zeros(1, 4), torch.zeros(1, 4)).tolist() == [0.0]
    assert math.isfinite(losses.relative_distance(torch.ones(1, 4), torch.zeros(1, 4)).item())


def test_relative_distance_of_low_precision_is_computed_in_float32() -> None:
    value = torch.full((1, 4096), 1.0, dtype=torch.bfloat16)
    found = losses.relative_distance(value, torch.full((1, 4096), 2.0, dtype=torch.bfloat16))
    assert found.dtype == torch.float32
    assert found.item() == 0.25


def test_gatys_content_is_equation_1() -> None:
    value, target = random(2, 3, 2, 4), random(2, 3, 2, 4, seed=1)
    for b in range(2):
        pairs = zip(value[b].flatten().tolist(), target[b].flatten().tolist(), strict=True)
        naive = 0.5 * sum((f - p) ** 2 for f, p in pairs)
        assert float(losses.gatys_content(value, target)[b]) == pytest.approx(naive, rel=1e-12)


def test_gatys_style_is_equation_4_on_the_papers_gram_matrices() -> None:
    painted, painting = random(2, 3, 4, 5), random(2, 3, 4, 5, seed=1)
    channels, positions = 3, 20
    g = torch.einsum("bchw,bdhw->bcd", painted, painted)
    a = torch.einsum("bchw,bdhw->bcd", painting, painting)
    naive = (g - a).square().sum((1, 2)) / (4 * channels**2 * positions**2)
    found = losses.gatys_style(losses.gram(painted), losses.gram(painting), positions)
    torch.testing.assert_close(found, naive, rtol=1e-12, atol=0)


def test_gatys_by_hand() -> None:
    value, target = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    assert losses.gatys_content(value, target).tolist() == [2.5]
    grams = losses.gram(value), losses.gram(target)  # 5 and 0.5: the paper's are 10 and 1
    assert losses.gatys_style(*grams, positions=2).tolist() == [81 / 16]


def test_total_variation_by_hand() -> None:
    image = torch.tensor([[[[0.0, 1.0], [3.0, 3.0]]]])
    across, down = 1.0 + 0.0, 9.0 + 4.0
    assert losses.total_variation(image).tolist() == [(across + down) / 4]


def test_total_variation_is_the_sum_over_neighbors() -> None:
    image = random(2, 3, 4, 5)
    naive = torch.zeros(2, dtype=torch.float64)
    for y in range(4):
        for x in range(5):
            if x < 4:
                naive += (image[:, :, y, x + 1] - image[:, :, y, x]).square().sum(1) / 20
            if y < 3:
                naive += (image[:, :, y + 1, x] - image[:, :, y, x]).square().sum(1) / 20
    torch.testing.assert_close(losses.total_variation(image), naive, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [(4, 5), (1, 6), (6, 1), (2, 2), (1, 1)])
def test_total_variations_gradient_is_autograds(size: tuple[int, int]) -> None:
    image = random(2, 3, *size).requires_grad_()
    (expected,) = torch.autograd.grad(losses.total_variation(image).sum(), image)
    found = losses.total_variation_gradient(image.detach())
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_every_loss_has_the_gradient_of_its_value() -> None:
    value, target = random(2, 3, 2, 2).requires_grad_(), random(2, 3, 2, 2, seed=1)
    grams = losses.gram(target)
    for loss in (
        losses.gram,
        losses.total_variation,
        lambda x: losses.relative_distance(x, target),
        lambda x: losses.relative_distance(losses.gram(x), grams),
        lambda x: losses.gatys_content(x, target),
        lambda x: losses.gatys_style(losses.gram(x), grams, 4),
    ):
        assert torch.autograd.gradcheck(loss, (value,))


def test_pictures_of_a_batch_do_not_meet() -> None:
    value, target = random(2, 3, 4, 5), random(2, 3, 4, 5, seed=1)
    grams = losses.gram(value), losses.gram(target)
    low = random(2, 3, 50, 60).to(torch.bfloat16)
    for together, alone in (
        (grams[0], [losses.gram(value[b : b + 1]) for b in (0, 1)]),
        (losses.gram_sum(low), [losses.gram_sum(low[b : b + 1]) for b in (0, 1)]),
        (losses.total_variation(value), [losses.total_variation(value[b : b + 1]) for b in (0, 1)]),
        (
            losses.relative_distance(value, target),
            [losses.relative_distance(value[b : b + 1], target[b : b + 1]) for b in (0, 1)],
        ),
        (
            losses.gatys_content(value, target),
            [losses.gatys_content(value[b : b + 1], target[b : b + 1]) for b in (0, 1)],
        ),
        (
            losses.gatys_style(*grams, 20),
            [losses.gatys_style(grams[0][b : b + 1], grams[1][b : b + 1], 20) for b in (0, 1)],
        ),
    ):
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=1e-9)
