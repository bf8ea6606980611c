"""Laplacian-pyramid preconditioner M = P Pᵀ: large strokes move as easily as single pixels.

Write a picture as a Laplacian pyramid, G = P(θ): every level is upsampled and added, in a
decorrelated color basis. A gradient step on the levels θ is a step along P Pᵀ times the
pixels' gradient. So pixels stay the variables (which makes the box constraint simple, and an
optimizer's history a quarter smaller than θ's), and the pyramid is the preconditioner M = P Pᵀ.
"""

import functools
from typing import Final

import torch

from stylecli.transfer.resample import Size, double, double_transposed, half

LEVELS: Final = 3  # measured: 5 levels, or levels weighted by 0.7 or 1.4 an octave, do worse

# Columns: luminance, orange against blue, green against magenta, each as long as its standard
# deviation in natural pictures; then divided by the longest.
_COLOR: Final = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def color_basis(like: torch.Tensor) -> torch.Tensor:
    """Color basis (3, 3): decorrelated color to RGB, its longest column of length 1."""
    return _basis_on(like.device, like.dtype)


@functools.cache
def _basis_on(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    # Kept: a copy from the host waits for the device, and no CUDA graph may hold one.
    basis = torch.tensor(_COLOR, dtype=dtype, device=device)
    longest: torch.Tensor = torch.linalg.vector_norm(basis, dim=0).max()
    return basis / longest


def level_sizes(size: Size, levels: int = LEVELS) -> tuple[Size, ...]:
    """Sizes of the pyramid's levels, finest first; it ends before a side falls under 4 pixels."""
    sizes = [size]
    while len(sizes) < levels and min(sizes[-1]) >= 8:
        sizes.append(half(sizes[-1]))
    return tuple(sizes)


def synthesize(levels: list[torch.Tensor]) -> torch.Tensor:
    """Synthesis P: levels (B, 3, h_k, w_k) in decorrelated color, finest first, to RGB."""
    picture = levels[-1]
    for level in reversed(levels[:-1]):
        picture = double(picture, (level.shape[-2], level.shape[-1])).add_(level)
    return mix(color_basis(picture), picture)


def analyze(gradient: torch.Tensor, sizes: tuple[Size, ...]) -> list[torch.Tensor]:
    """Transposed synthesis Pᵀ: a gradient in RGB (B, 3, H, W) to those of the levels."""
    levels = [mix(color_basis(gradient).T, gradient)]
    for _ in sizes[1:]:
        levels.append(double_transposed(levels[-1]))
    return levels


def apply_preconditioner(gradient: torch.Tensor) -> torch.Tensor:
    """Preconditioned gradient M·g, M = P Pᵀ, of (B, 3, H, W): symmetric, positive definite."""
    levels = analyze(gradient, level_sizes((gradient.shape[-2], gradient.shape[-1])))
    picture = levels.pop()
    while levels:  # as `synthesize`, with each level's memory freed once it is added
        level = levels.pop()
        picture = double(picture, (level.shape[-2], level.shape[-1])).add_(level)
        del level
    return mix(color_basis(picture), picture)


def mix(matrix: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    """Color matrix (3, 3) times every pixel of (B, 3, H, W)."""
    return (matrix @ picture.flatten(2)).view_as(picture)
