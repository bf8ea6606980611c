"""The linear embedding and its triplet loss."""

import itertools

import pytest
import torch

from stylecli.recognition.embedding import WIDTH, fit_embedding, triplet_loss
from stylecli.recognition.verification import evaluate_verification


def clouds(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight labels that differ in six directions, under noise in forty others."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.zeros(8, 80)
    centers[:, :6] = torch.randn((8, 6), generator=generator)
    noise = torch.zeros(8, 12, 80)
    noise[..., 10:50] = 1.2 * torch.randn((8, 12, 40), generator=generator)
    noise[..., :6] = 0.3 * torch.randn((8, 12, 6), generator=generator)
    return (centers[:, None] + noise).flatten(0, 1), torch.arange(8).repeat_interleave(12)


def test_triplet_loss_is_the_naive_mean() -> None:
    generator = torch.Generator().manual_seed(3)
    points, labels = torch.randn((7, 3), generator=generator), torch.tensor([0, 0, 0, 1, 1, 2, 2])
    losses = []
    for a, p in itertools.permutations(range(7), 2):
        if labels[a] == labels[p]:
            negatives = [
                float((points[a] - points[n]).norm()) for n in range(7) if labels[n] != labels[a]
            ]
            losses.append(max(float((points[a] - points[p]).norm()) - min(negatives) + 0.2, 0.0))
    assert float(triplet_loss(points, labels, 0.2)) == pytest.approx(sum(losses) / len(losses))


def test_triplet_loss_has_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(4)
    points = torch.randn((6, 3), generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda x: triplet_loss(x, labels), points)


def test_a_fitted_code_tells_held_out_labels_apart_better() -> None:
    descriptors, labels = clouds(1)
    known = labels < 5
    embedding = fit_embedding(descriptors[known], labels[known])
    seen = embedding(descriptors)
    raw = evaluate_verification(torch.cdist(descriptors, descriptors), labels, ~known)
    fitted = evaluate_verification(torch.cdist(seen, seen), labels, ~known)
    assert fitted.auc > raw.auc + 0.02
    assert fitted.top1 >= raw.top1


def test_embedded_descriptors_have_length_one_and_few_numbers() -> None:
    descriptors, labels = clouds(2)
    seen = fit_embedding(descriptors, labels)(descriptors)
    assert seen.shape[1] <= WIDTH
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(len(descriptors)))


def test_the_same_descriptors_give_the_same_embedding_and_leave_the_generator() -> None:
    descriptors, labels = clouds(3)
    before = torch.random.get_rng_state()
    one, two = fit_embedding(descriptors, labels), fit_embedding(descriptors, labels)
    assert torch.equal(one.matrix, two.matrix)
    assert torch.equal(before, torch.random.get_rng_state())
