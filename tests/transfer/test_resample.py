import pytest
import torch

from stylecli.transfer.resample import (
    Size,
    double,
    double_transposed,
    filter_pairs,
    fit,
    half,
    halve,
    halve_transposed,
    interpolate_twice,
    mirror,
    mirror_transposed,
    resize,
    resize_mask,
    resize_visible,
)

from .conftest import random
from .naive import continued

PAIRS = [
    ((9, 13), (5, 7)),
    ((9, 13), (4, 13)),
    ((5, 7), (9, 13)),
    ((7, 8), (13, 3)),
    ((6, 6), (1, 1)),
    ((1, 5), (3, 5)),
    ((31, 17), (2, 9)),
    ((4, 6), (4, 6)),
]
HALVED = [(8, 8), (9, 13), (10, 7), (1, 1), (1, 6), (5, 2), (2, 2), (3, 3)]


def inner(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x * y).sum((1, 2, 3))


@pytest.mark.parametrize("size", HALVED)
def test_transposes(size: Size) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for `halve` and `double`."""
    full, small = random(2, 3, *size) - 0.5, random(2, 3, *half(size), seed=1) - 0.5
    pairs = (
        (inner(halve(full), small), inner(full, halve_transposed(small, size))),
        (inner(double(small, size), full), inner(small, double_transposed(full))),
    )
    for forward, backward in pairs:
        torch.testing.assert_close(forward, backward, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "margin"), [((9, 12), 3), ((5, 7), 3), ((4, 9), 4), ((1, 2), 1), ((3, 3), 0)]
)
def test_mirror(size: Size, margin: int) -> None:
    """What lies beyond an edge, as deep as it lies within; and its transpose."""
    image = random(2, 3, *size)
    found = mirror(image, margin)
    assert torch.equal(found, continued(image, margin))
    other = random(*found.shape, seed=1)
    back = mirror_transposed(other.clone(), margin)
    torch.testing.assert_close(inner(found, other), inner(image, back), rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", HALVED)
def test_the_filters_of_other_devices_are_those_of_the_cpu(size: Size) -> None:
    full, small = random(2, 3, *(2 * side for side in size)), random(2, 3, *size, seed=1)
    torch.testing.assert_close(filter_pairs(full), double_transposed(full))
    torch.testing.assert_close(interpolate_twice(small), double(small, (2 * size[0], 2 * size[1])))


@pytest.mark.parametrize("size", [(8, 12), (2, 6), (64, 10)])
def test_halving_and_doubling_even_sizes_is_resizing(size: Size) -> None:
    image = random(1, 3, *size)
    inner_part = (..., slice(1, -1), slice(1, -1))  # at edges the filter leaves out what is beyond
    torch.testing.assert_close(halve(image)[inner_part], resize_mask(image, half(size))[inner_part])
    bigger = (2 * size[0], 2 * size[1])
    torch.testing.assert_close(double(image, bigger), resize_mask(image, bigger))


@pytest.mark.parametrize("size", HALVED)
def test_halving_and_doubling_keep_a_flat_picture_flat(size: Size) -> None:
    flat = torch.full((1, 3, *size), 0.3, dtype=torch.float64)
    small = halve(flat)
    assert tuple(small.shape[-2:]) == half(size)
    torch.testing.assert_close(small, torch.full_like(small, 0.3))
    torch.testing.assert_close(double(small, size), flat)


def test_halving_leaves_its_input_alone() -> None:
    for size in HALVED:
        image = random(1, 3, *size)
        before = image.clone()
        for function in (halve, double_transposed):
            function(image)
        halve_transposed(image, (2 * size[0], 2 * size[1]))
        assert torch.equal(image, before)


def test_halving_averages_with_the_triangle_of_antialiasing() -> None:
    row = torch.tensor([0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 8)
    assert halve(row.expand(1, 1, 2, 8)).flatten().tolist() == [0.0, 3.0, 1.0, 0.0]


@pytest.mark.parametrize(("full", "reduced"), PAIRS)
def test_resize_keeps_a_flat_picture_flat_and_the_box(full: Size, reduced: Size) -> None:
    flat = torch.full((1, 3, *full), 0.3, dtype=torch.float64)
    torch.testing.assert_close(resize_mask(flat, reduced), flat[..., :1, :1].expand(1, 3, *reduced))
    for again in (resize_mask, resize):
        noise = again(random(1, 3, *full).round(), reduced)
        assert noise.shape == (1, 3, *reduced)
        assert 0.0 <= float(noise.min()) <= float(noise.max()) <= 1.0


def test_same_size_is_the_same_picture() -> None:
    image = random(1, 3, 4, 6)
    for same in (resize_mask, resize):
        assert same(image, (4, 6)) is image


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((480, 640), 320, (240, 320)),
        ((640, 480), 320, (320, 240)),
        ((100, 100), 37, (37, 37)),
        ((3, 2), 300, (300, 200)),
        ((333, 500), 128, (85, 128)),
        ((1, 5000), 100, (1, 100)),
        ((5000, 1), 100, (100, 1)),
        ((1, 1), 9, (9, 9)),
        ((768, 1024), 1, (1, 1)),
    ],
)
def test_fit(size: Size, long_side: int, expected: Size) -> None:
    assert fit(size, long_side) == expected


def test_fit_is_nowhere_more_than_half_a_pixel_off() -> None:
    for height, width in ((479, 640), (641, 333), (97, 100), (1000, 50)):
        for long_side in range(20, 700, 13):
            found = fit((height, width), long_side)
            exact = min(height, width) * long_side / max(height, width)
            assert max(found) == long_side
            assert abs(min(found) - exact) <= 0.5
            assert (found[0] >= found[1]) == (height >= width)


def test_colors_under_alpha_leave_no_fringe() -> None:
    """White beside black that is hardly seen is white, and not gray, where they meet."""
    image, alpha = torch.ones(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    image[..., 15:], alpha[..., 15:] = 0.0, 0.1
    found = resize_visible(image, alpha, (8, 8))
    weight = resize_mask(alpha, (8, 8))
    on_white = (found * weight + 1.0 - weight)[..., 3:5]
    expected = resize_mask(image * alpha + 1.0 - alpha, (8, 8))[..., 3:5]
    assert float((on_white - expected).abs().max()) < 0.05
    assert torch.equal(resize_visible(image, None, (8, 8)), resize(image, (8, 8)))
