"""Figures of a verification, against naive counts."""

import itertools

import pytest
import torch

from stylecli.recognition.verification import equal_error, evaluate_verification, one_shot, roc_auc


def some(seed: int, count: int, shift: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, generator=generator) * 10).round() + shift  # with ties


@pytest.mark.parametrize("seed", range(5))
def test_auc_counts_pairs(seed: int) -> None:
    alike, apart = some(seed, 17, 0.0), some(seed + 100, 23, 3.0)
    naive = [
        1.0 if a < b else 0.5 if a == b else 0.0
        for a, b in itertools.product(alike.tolist(), apart.tolist())
    ]
    assert roc_auc(alike, apart) == pytest.approx(sum(naive) / len(naive))


def test_auc_at_its_ends() -> None:
    near, far = torch.tensor([0.1, 0.2]), torch.tensor([0.5, 0.9])
    assert roc_auc(near, far) == 1.0
    assert roc_auc(far, near) == 0.0
    assert roc_auc(near, near) == 0.5


def test_equal_error_by_hand() -> None:
    alike = torch.tensor([1.0, 2.0, 3.0, 8.0])
    apart = torch.tensor([2.5, 7.0, 8.0, 9.0])
    error, threshold = equal_error(alike, apart)
    assert error == 0.25  # at 3: one of four alike is refused (8), one of four apart taken (2.5)
    assert threshold == 5.0  # halfway to the next, 7
    assert equal_error(torch.tensor([1.0]), torch.tensor([2.0])) == (0.0, 1.5)


def test_one_shot_asks_every_other_query() -> None:
    points = torch.tensor([0.0, 0.1, 1.0, 1.1, 0.4, 0.6])
    labels = torch.tensor([0, 0, 1, 1, 0, 1])
    distances = (points[:, None] - points[None]).abs()
    every = torch.ones(6, dtype=torch.bool)
    right = 0
    for shot in range(3):
        gallery = [[0, 1, 4][shot], [2, 3, 5][shot]]
        for query in set(range(6)) - set(gallery):
            nearest = min(gallery, key=distances[query].tolist().__getitem__)
            right += int(labels[nearest] == labels[query])
    assert one_shot(distances, labels, every) == pytest.approx(right / 12)


def test_only_queries_count() -> None:
    points = torch.tensor([0.0, 0.1, 5.0, 5.1, 5.2, 5.05])
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    distances = (points[:, None] - points[None]).abs()
    first = evaluate_verification(distances, labels, labels < 2)
    assert (first.auc, first.equal_error) == (1.0, 0.0)
    assert evaluate_verification(distances, labels, labels > 0).auc < 1.0
