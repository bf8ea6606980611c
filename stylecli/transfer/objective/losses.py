"""Content loss, Gram-matrix style loss and total variation as pure functions.

These are the definitions, written to be read and differentiated; the loop in `objective` runs
the same formulas with their gradients written out. B pictures at a time, one value for each.
"""

from typing import Final

import torch

# Positions whose products a bf16 unit adds up before a float32 sum takes over. Libraries split
# sums as short as this among threads neither in bf16 nor, with AVX-512, in float32.
_CHUNK: Final = 512
_WIDEST: Final = 2048  # positions of a tile's row that are taken as a chunk, to spare a copy
# Products of bf16 with a float32 result: cuBLAS has them, torch since 2.8.
_WIDE_PRODUCTS: Final = torch.version.hip is None and hasattr(torch.ops.aten.bmm, "dtype")


def gram(features: torch.Tensor) -> torch.Tensor:
    """Gram matrices F Fᵀ / (h·w) of features (B, C, h, w), as (B, C, C) in at least float32.

    Low-precision features are multiplied as they are and summed in float32: chunk by chunk,
    since a CPU has no bf16 product with a float32 result. Float32 goes the same way there, so
    that the number of threads does not show in the sums. CUDA has one product for all of it.
    """
    return gram_sum(features) / (features.shape[-2] * features.shape[-1])


def gram_sum(features: torch.Tensor) -> torch.Tensor:
    """F Fᵀ of features (B, C, h, w), summed over positions: (B, C, C) in at least float32.

    Chunk by chunk where that costs no copy: a tile is cut out of a whole, and goes row by row.
    """
    rows = features.permute(0, 2, 3, 1)  # (B, h, w, C), a view where channels are last
    wide = features.dtype.itemsize >= 4
    if features.device.type == "cuda" and (wide or _WIDE_PRODUCTS):
        flat = rows.flatten(1, 2)
        if wide:
            return torch.bmm(flat.mT, flat)
        return torch.bmm(flat.mT, flat, out_dtype=torch.float32)
    if not rows.is_contiguous() and rows.shape[2] <= _WIDEST:
        return _summed_products(rows)
    flat = rows.flatten(1, 2)
    whole = flat.shape[1] - flat.shape[1] % _CHUNK
    total = _products(flat[:, whole:])
    if whole:
        chunks = flat[:, :whole].view(len(flat), -1, _CHUNK, flat.shape[2])
        total += _summed_products(chunks)
    return total


def _summed_products(chunks: torch.Tensor) -> torch.Tensor:
    """Σ over n of RᵀR of (B, n, positions, C), as (B, C, C), a picture at a time."""
    sums = [_products(one).sum(0) for one in chunks]
    return sums[0].unsqueeze(0) if len(sums) == 1 else torch.stack(sums)


def _products(rows: torch.Tensor) -> torch.Tensor:
    """RᵀR of each of (n, positions, C), as (n, C, C) in at least float32."""
    products = torch.bmm(rows.mT, rows)
    return products.float() if products.dtype.itemsize < 4 else products


def relative_distance(value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Relative squared distance ‖value − target‖² / ‖target‖²: (B, …) to (B,).

    0 for equal, about 1 for unrelated, whatever the size, layer or network.
    """
    difference = (value.float() if value.dtype.itemsize < 4 else value) - target
    return squared_sum(difference) / squared_norm(target)


def squared_norm(target: torch.Tensor) -> torch.Tensor:
    """‖target‖² of each of B tensors, kept off zero so that a blank target divides cleanly."""
    return squared_sum(target).clamp_min(1e-8)


def squared_sum(x: torch.Tensor) -> torch.Tensor:
    """Σ x² of each of B tensors, in at least float32 and one pass: (B, …) to (B,)."""
    return norm(x).square()


def norm(x: torch.Tensor) -> torch.Tensor:
    """Euclidean norm of each of B tensors, in at least float32: (B, …) to (B,)."""
    wide = torch.float32 if x.dtype.itemsize < 4 else x.dtype
    value: torch.Tensor = torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), dtype=wide)
    return value


def gatys_content(value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """½ Σ (F − P)², the content loss of Gatys et al. 2015, equation 1: (B, C, h, w) to (B,)."""
    return 0.5 * (value - target).square().flatten(1).sum(1)


def gatys_style(value: torch.Tensor, target: torch.Tensor, positions: int) -> torch.Tensor:
    """Σ (G − A)² / (4 C² N²), the style loss of Gatys et al. 2015, equation 4: (B, C, C) to (B,).

    The paper's Gram matrices are sums over the N `positions`; ours are means, so N² cancels
    where both pictures have equally many positions.
    """
    channels = value.shape[-1]
    paper = 4.0 * channels**2 * positions**2
    return ((value - target) * positions).square().flatten(1).sum(1) / paper


def total_variation(image: torch.Tensor) -> torch.Tensor:
    """Total variation: mean squared difference of neighboring pixels, summed over channels.

    (B, C, H, W) to (B,). Squared, as in Mahendran & Vedaldi 2015 with exponent 2: smooth in
    every pixel, so that a quasi-Newton step can trust it.
    """
    pixels = image.shape[-2] * image.shape[-1]
    across = image.diff(dim=-1).square().flatten(1).sum(1)
    down = image.diff(dim=-2).square().flatten(1).sum(1)
    return (across + down) / pixels


def total_variation_gradient(image: torch.Tensor) -> torch.Tensor:
    """Gradient of the total variation with respect to the image, linear in the image.

    So ½⟨image, gradient⟩ is the value.
    """
    gradient = torch.zeros_like(image)
    for dim in (-1, -2):
        n = image.shape[dim]
        step = image.narrow(dim, 0, n - 1) - image.narrow(dim, 1, n - 1)
        gradient.narrow(dim, 0, n - 1).add_(step)
        gradient.narrow(dim, 1, n - 1).sub_(step)
        del step
    return gradient.mul_(2.0 / (image.shape[-2] * image.shape[-1]))
