"""Channel selection and least-squares refit: a student made of the teacher's own channels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional as F

from training.network import Network, Student

# A channel whose residual is below this share of the mean variance is reconstructed already.
NEGLIGIBLE: Final = 1e-7


@dataclass(frozen=True)
class Moments:
    """Second moments E[z zᵀ] of a layer's features z = (f, 1), each (C + 1, C + 1) float64.

    `relu` after every ReLU, `input` of the features as the next convolution reads them: the
    same where no pooling comes between.
    """

    relu: tuple[torch.Tensor, ...]
    input: tuple[torch.Tensor, ...]


@torch.no_grad()
def measure_moments(teacher: Network, batches: Iterable[torch.Tensor]) -> Moments:
    """Second moments of the teacher's features over batches of images (B, 3, H, W)."""
    layers = range(len(teacher.widths))
    relu: list[list[torch.Tensor]] = [[] for _ in layers]
    pooled: list[list[torch.Tensor]] = [[] for _ in layers]
    for batch in batches:
        for index, features in enumerate(teacher(batch)):
            relu[index].append(second_moment(features.float()))
            if teacher.plan.pooled[index]:
                pooled[index].append(second_moment(F.max_pool2d(features.float(), 2)))
    means = [torch.stack(moments).mean(0) for moments in relu]
    inputs = [torch.stack(m).mean(0) if m else means[i] for i, m in enumerate(pooled)]
    return Moments(tuple(means), tuple(inputs))


def second_moment(features: torch.Tensor) -> torch.Tensor:
    """E[z zᵀ] over batch and positions of z = (f, 1): (B, C, h, w) to (C + 1, C + 1) float64."""
    z = torch.cat([features, torch.ones_like(features[:, :1])], 1)
    z = z.permute(1, 0, 2, 3).flatten(1)  # (C + 1, B·h·w)
    return torch.matmul(z, z.T).double().cpu() / z.shape[1]


def compute_covariance(moment: torch.Tensor) -> torch.Tensor:
    """Covariance (C, C) of the features of a second moment (C + 1, C + 1)."""
    mean = moment[:-1, -1]
    return moment[:-1, :-1] - torch.outer(mean, mean)


def select_columns(covariance: torch.Tensor, count: int) -> torch.Tensor:
    """Greedy column subset selection (Farahat, Ghodsi & Kamel 2011): `count` sorted indices.

    Each step takes the channel j that explains most of what is left of all channels' variance,
    ‖R_j‖² / R_jj, then removes its share from the residual covariance R. Channels of which
    nothing is left come last, in order.
    """
    residual = covariance.double().clone()
    threshold = NEGLIGIBLE * residual.diagonal().mean()
    chosen: list[int] = []
    while len(chosen) < count:
        diagonal = residual.diagonal()
        score = residual.square().sum(0) / diagonal.clamp_min(1e-300)
        score[diagonal <= threshold] = -1.0
        score[chosen] = -2.0
        best = int(score.argmax())
        chosen.append(best)
        if diagonal[best] > threshold:
            column = residual[:, best].clone()
            residual -= torch.outer(column, column) / column[best]
    return torch.tensor(sorted(chosen))


def fit_reconstruction(moment: torch.Tensor, chosen: torch.Tensor, ridge: float) -> torch.Tensor:
    """Least-squares map (C, w + 1) from w chosen channels and a constant to all C channels.

    `moment` is (C + 1, C + 1). Chosen channels are copied as they are; the others minimize
    E‖f − R (f_chosen, 1)‖² with a ridge relative to the mean moment of the regressors.
    """
    channels, width = len(moment) - 1, len(chosen)
    regressors = torch.cat([chosen, torch.tensor([channels])])
    gram = moment[regressors][:, regressors]
    damped = gram + ridge * gram.diagonal().mean() * torch.eye(width + 1, dtype=gram.dtype)
    solution: torch.Tensor = torch.linalg.solve(damped, moment[regressors][:, :channels])
    matrix = solution.T.contiguous()
    matrix[chosen] = torch.eye(width, width + 1, dtype=matrix.dtype)
    return matrix


def fold_reconstruction(
    weight: torch.Tensor, bias: torch.Tensor, reconstruction: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution that reads w channels instead of the C that they reconstruct.

    `weight` (C_out, C, 3, 3), `bias` (C_out,), `reconstruction` (C, w + 1); gives a weight
    (C_out, w, 3, 3) and a bias. Exact but for the border, where the constant is padded with
    zeros in the teacher and not in the student.
    """
    matrix, constant = reconstruction[:, :-1], reconstruction[:, -1]
    folded = torch.einsum("ockl,cd->odkl", weight.double(), matrix.double())
    return folded, bias.double() + torch.einsum("ockl,c->o", weight.double(), constant.double())


def build_student(
    teacher: Network,
    moments: Moments,
    widths: Sequence[int],
    *,
    ridge: float,
    base: Student | None = None,
    kept: int = 0,
) -> Student:
    """Student of these widths by channel selection and refit, layer by layer from the first.

    With a trained `base` its first `kept` layers are copied, and the refit goes on from there
    through their linear embedding (after a pooling only nearly: max and sum do not commute).
    """
    student = Student(teacher, widths)
    reconstruction: torch.Tensor | None = None
    if base is not None:
        for index in range(kept):
            student.network.set_convolution(index, *base.network.convolution(index))
            student.set_embedding(index, base.embedding(index))
        reconstruction = student.embedding(kept - 1)
    for index in range(kept, len(widths)):
        chosen = select_columns(compute_covariance(moments.relu[index]), widths[index])
        weight, bias = (part[chosen.to(part.device)] for part in teacher.convolution(index))
        if reconstruction is not None:
            weight, bias = fold_reconstruction(weight, bias, reconstruction.to(weight.device))
        student.network.set_convolution(index, weight, bias)
        student.set_embedding(index, fit_reconstruction(moments.relu[index], chosen, ridge))
        reconstruction = fit_reconstruction(moments.input[index], chosen, ridge)
    return student
