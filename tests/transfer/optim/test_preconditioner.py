import pytest
import torch

from stylecli.transfer.optim import preconditioner
from stylecli.transfer.optim.preconditioner import (
    analyze,
    apply_preconditioner,
    color_basis,
    level_sizes,
    synthesize,
)
from stylecli.transfer.resample import Size, double

SIZES = [(8, 8), (17, 23), (33, 9), (5, 40), (1, 1), (16, 12)]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_level_sizes_halve_upwards_and_stop_at_4_pixels() -> None:
    assert level_sizes((17, 24), 3) == ((17, 24), (9, 12), (5, 6))
    assert level_sizes((17, 24), 9) == ((17, 24), (9, 12), (5, 6))
    assert level_sizes((8, 64), 5) == ((8, 64), (4, 32))
    assert level_sizes((7, 64), 5) == ((7, 64),)
    assert level_sizes((512, 512), 1) == ((512, 512),)
    assert len(level_sizes((512, 512))) == preconditioner.LEVELS


@pytest.mark.parametrize("size", SIZES)
def test_analyze_is_the_transpose_of_synthesize(size: Size) -> None:
    sizes = level_sizes(size)
    levels = [random(2, 3, *one, seed=index) for index, one in enumerate(sizes)]
    gradient = random(2, 3, *size, seed=99)
    forward = (synthesize(levels) * gradient).sum((1, 2, 3))
    analyzed = analyze(gradient, sizes)
    assert [tuple(g.shape[-2:]) for g in analyzed] == list(sizes)
    backward = sum((a * b).sum((1, 2, 3)) for a, b in zip(levels, analyzed, strict=True))
    torch.testing.assert_close(forward, backward, rtol=1e-12, atol=1e-12)


def test_synthesize_adds_upsampled_levels_in_decorrelated_color() -> None:
    fine, middle, coarse = (random(1, 3, *s) for s in ((17, 12), (9, 6), (5, 3)))
    mixed = fine + double(middle + double(coarse, (9, 6)), (17, 12))
    expected = torch.einsum("ij,bjhw->bihw", color_basis(fine), mixed)
    torch.testing.assert_close(synthesize([fine, middle, coarse]), expected)


@pytest.mark.parametrize("size", [(9, 11), (16, 6)])
def test_metric_is_symmetric_and_positive_definite(size: Size) -> None:
    n = 3 * size[0] * size[1]
    columns = torch.eye(n, dtype=torch.float64).view(n, 3, *size)
    matrix = apply_preconditioner(columns).flatten(1)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-13)
    eigenvalues = torch.linalg.eigvalsh(matrix)
    assert float(eigenvalues[0]) > 1e-3 * float(eigenvalues[-1]) > 0


def test_metric_moves_strokes_more_than_pixels() -> None:
    """What it is for: the same gradient, spread over a stroke, becomes a longer step."""
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    checks = ((x + y) % 2 * 2.0 - 1.0).expand(1, 3, 32, 32)
    blocks = ((x // 8 + y // 8) % 2 * 2.0 - 1.0).expand(1, 3, 32, 32)
    assert float(apply_preconditioner(blocks).norm()) > 1.5 * float(
        apply_preconditioner(checks).norm()
    )


def test_color_basis_has_columns_no_longer_than_1_and_an_inverse() -> None:
    basis = color_basis(torch.zeros(1, dtype=torch.float64))
    assert float(basis.norm(dim=0).max()) == pytest.approx(1.0)
    assert float(torch.linalg.cond(basis)) < 30
    gray = basis[:, 0]
    assert float(gray.std() / gray.mean()) < 0.05  # the first column is luminance


def test_pictures_of_a_batch_do_not_meet() -> None:
    gradient = random(2, 3, 13, 18)
    alone = torch.cat([apply_preconditioner(gradient[b : b + 1]) for b in (0, 1)])
    torch.testing.assert_close(apply_preconditioner(gradient), alone, rtol=1e-12, atol=1e-13)
