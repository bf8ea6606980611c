import pytest
import torch

from stylecli.transfer.resample import Size, enlarge, fit, resize, resize_transposed

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


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("full", "reduced"), PAIRS)
def test_resize_transposed_is_the_transpose(full: Size, reduced: Size) -> None:
    x, y = random(2, 3, *full) - 0.5, random(2, 3, *reduced, seed=1) - 0.5
    forward = (resize(x, reduced) * y).sum((1, 2, 3))
    backward = (x * resize_transposed(y, full)).sum((1, 2, 3))
    torch.testing.assert_close(forward, backward, rtol=1e-12, atol=1e-12)


def test_resize_transposed_is_autograds_whatever_the_layout() -> None:
    image = random(1, 3, 9, 13).requires_grad_()
    gradient = random(1, 3, 5, 7, seed=1)
    (expected,) = torch.autograd.grad(resize(image, (5, 7)), image, gradient)
    last = gradient.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(resize_transposed(last, (9, 13)), expected)


def test_halving_averages_with_the_triangle_of_antialiasing() -> None:
    row = torch.tensor([0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 8)
    assert resize(row, (1, 4)).flatten().tolist() == pytest.approx([0.0, 3.0, 1.0, 0.0], abs=0.2)


@pytest.mark.parametrize(("full", "reduced"), PAIRS)
def test_resize_keeps_a_flat_picture_flat_and_the_box(full: Size, reduced: Size) -> None:
    flat = torch.full((1, 3, *full), 0.3, dtype=torch.float64)
    torch.testing.assert_close(resize(flat, reduced), flat[..., :1, :1].expand(1, 3, *reduced))
    for again in (resize, enlarge):
        noise = again(random(1, 3, *full).round(), reduced)
        assert noise.shape == (1, 3, *reduced)
        assert 0.0 <= float(noise.min()) <= float(noise.max()) <= 1.0


def test_same_size_is_the_same_picture() -> None:
    image = random(1, 3, 4, 6)
    for same in (resize, resize_transposed, enlarge):
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
