"""Linear embedding of style descriptors, fitted by the triplet loss."""

from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional as F

WIDTH: Final = 128
MARGIN: Final = 0.3
STEPS: Final = 200
_RATE: Final = 1e-2
_COMPONENTS: Final = 192
_WHITENING: Final = 0.5  # 0 keeps the principal components' spread, 1 makes all equal
_DECAY: Final = 1.0  # pull toward the components themselves: there are few pictures to learn from


@dataclass(frozen=True)
class Embedding:
    """x ↦ (x − mean)·matrix at length 1, from descriptors (n,) to (`WIDTH`,) or fewer."""

    mean: torch.Tensor
    matrix: torch.Tensor

    def __call__(self, descriptors: torch.Tensor) -> torch.Tensor:
        """Embed descriptors (B, n)."""
        return F.normalize((descriptors - self.mean) @ self.matrix, dim=1)


def fit_embedding(descriptors: torch.Tensor, labels: torch.Tensor) -> Embedding:
    """The embedding that brings descriptors (B, n) of one label together and others apart.

    Starts from the descriptors' principal components, half whitened, and descends on
    L = max(d(A,P) − d(A,N) + margin, 0) over every anchor and positive with the hardest negative
    of the batch (Schroff et al. 2015, arXiv 1503.03832; Hermans et al. 2017, arXiv 1703.07737).
    """
    mean = descriptors.mean(0)
    basis = _components(descriptors - mean)
    whitened = (descriptors - mean) @ basis
    start = torch.eye(basis.shape[1])[:, :WIDTH]
    with torch.enable_grad():
        turn = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([turn], lr=_RATE)
        for _ in range(STEPS):
            loss = triplet_loss(F.normalize(whitened @ turn, dim=1), labels)
            loss = loss + _DECAY * (turn - start).square().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Embedding(mean, basis @ turn.detach())


def triplet_loss(
    embedded: torch.Tensor, labels: torch.Tensor, margin: float = MARGIN
) -> torch.Tensor:
    """Triplet loss: the mean of max(d(A,P) − d(A,N) + margin, 0), N the hardest negative."""
    distances = torch.cdist(embedded, embedded, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels[:, None] == labels[None]
    hardest = distances.masked_fill(same, float("inf")).min(1, keepdim=True).values
    positives = same & ~torch.eye(len(labels), dtype=torch.bool)
    return (distances - hardest + margin).clamp_min(0.0)[positives].mean()


def _components(centered: torch.Tensor) -> torch.Tensor:
    """Principal components (n, k) as columns, scaled for a spread between theirs and equal."""
    _, spread, components = torch.linalg.svd(centered, full_matrices=False)
    kept = min(_COMPONENTS, int((spread > 1e-6 * spread[0]).sum()))
    deviations = spread[:kept] / len(centered) ** 0.5
    scaled: torch.Tensor = components[:kept].T * deviations**-_WHITENING
    length: torch.Tensor = (centered @ scaled).norm(dim=1).mean()
    return scaled / length
