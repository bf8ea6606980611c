"""Verification: ROC-AUC, equal-error rate and one-shot accuracy of distances."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Verification:
    """ROC-AUC, equal-error rate and its threshold, and the share of one-shot matches right."""

    auc: float
    equal_error: float
    threshold: float
    top1: float


def evaluate_verification(
    distances: torch.Tensor, labels: torch.Tensor, queries: torch.Tensor
) -> Verification:
    """Verification figures for a symmetric matrix of distances (n, n), with labels (n,).

    `queries` (n,) is true for the items that are tested: pairs are those of two queries; a match
    is a query against one item of each label, the k-th of each in turn.
    """
    same = labels[:, None] == labels[None]
    pairs = torch.triu(queries[:, None] & queries[None], 1)
    alike, apart = distances[same & pairs], distances[~same & pairs]
    error, threshold = equal_error(alike, apart)
    return Verification(
        roc_auc(alike, apart), error, threshold, one_shot(distances, labels, queries)
    )


def roc_auc(alike: torch.Tensor, apart: torch.Tensor) -> float:
    """ROC-AUC: the chance that a pair alike is nearer than a pair apart; a tie counts half."""
    ordered = torch.sort(apart.double()).values
    below = torch.searchsorted(ordered, alike.double())
    up_to = torch.searchsorted(ordered, alike.double(), right=True)
    nearer = len(apart) - (below + up_to).double() / 2
    return float(nearer.sum() / (len(alike) * len(apart)))


def equal_error(alike: torch.Tensor, apart: torch.Tensor) -> tuple[float, float]:
    """Equal-error rate, where as many alike are refused as apart are taken, and its threshold."""
    thresholds = torch.sort(torch.cat([alike, apart]).double()).values
    refused = 1.0 - _share_up_to(thresholds, alike)
    taken = _share_up_to(thresholds, apart)
    best = int((refused - taken).abs().argmin())
    after = thresholds[min(best + 1, len(thresholds) - 1)]  # halfway, where there is a gap
    error = (refused[best] + taken[best]) / 2
    return float(error), float((thresholds[best] + after) / 2)


def _share_up_to(thresholds: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The share of values that are at or below each threshold."""
    ordered = torch.sort(values.double()).values
    return torch.searchsorted(ordered, thresholds, right=True) / len(values)


def one_shot(distances: torch.Tensor, labels: torch.Tensor, queries: torch.Tensor) -> float:
    """One-shot accuracy: the share of queries whose nearest of one item a label has their label."""
    classes = torch.unique(labels)
    places = [torch.nonzero(labels == label).flatten() for label in classes]
    right = total = 0
    for shot in range(min(map(len, places))):
        gallery = torch.stack([place[shot] for place in places])
        others = queries.clone()
        others[gallery] = False
        nearest = labels[gallery][distances[others][:, gallery].argmin(1)]
        right += int((nearest == labels[others]).sum())
        total += int(others.sum())
    return right / total if total else 0.0
