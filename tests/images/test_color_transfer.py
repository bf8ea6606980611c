from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stylecli.images.color_transfer import (
    luminance,
    match_histograms,
    match_luminance,
    match_moments,
    transfer_luminance,
)

Change = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
CHANGES: list[Change] = [match_luminance, transfer_luminance, match_moments, match_histograms]


def mild(*size: int, seed: int = 0) -> torch.Tensor:
    """Colors about gray, correlated and not alike in spread: no formula clips them."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((3, *size), generator=generator, dtype=torch.float64) - 0.5
    mix = torch.tensor([[0.2, 0.0, 0.0], [0.1, 0.15, 0.0], [-0.05, 0.02, 0.08]]).double()
    shift = torch.tensor([0.02, -0.03, 0.05]).double() * (seed + 1)
    return (mix @ noise.flatten(1)).view_as(noise) + 0.5 + shift[:, None, None]


def plain(red: float, green: float, blue: float, *size: int) -> torch.Tensor:
    return torch.tensor([red, green, blue]).view(3, 1, 1).expand(3, *size).contiguous()


def grays(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).expand(3, 1, -1).contiguous()


def yiq(picture: torch.Tensor) -> NDArray[np.float64]:
    """By the definition of FCC NTSC: Y, then I and Q from the color differences, (3, n)."""
    red, green, blue = picture.double().flatten(1).numpy()
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = 0.492111 * (blue - y), 0.877283 * (red - y)
    turn = np.deg2rad(33)
    i, q = v * np.cos(turn) - u * np.sin(turn), v * np.sin(turn) + u * np.cos(turn)
    return np.stack([y, i, q])


def square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The positive symmetric root, by the iteration of Denman and Beavers."""
    root, inverse = matrix, np.eye(len(matrix))
    for _ in range(40):
        root, inverse = (
            (root + np.linalg.inv(inverse)) / 2,
            (inverse + np.linalg.inv(root)) / 2,
        )
    return root


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((1.0, 0.0, 0.0), 0.299),
        ((0.0, 1.0, 0.0), 0.587),
        ((0.0, 0.0, 1.0), 0.114),
        ((1.0, 1.0, 1.0), 1.0),
        ((0.2, 0.4, 0.6), 0.0598 + 0.2348 + 0.0684),
    ],
)
def test_luminance_of_plain_colors(color: tuple[float, float, float], expected: float) -> None:
    found = luminance(plain(*color, 2, 3))
    assert found.shape == (3, 2, 3)
    torch.testing.assert_close(found, torch.full((3, 2, 3), expected))


def test_matched_luminance_has_the_contents_mean_and_spread() -> None:
    style, content = mild(9, 7), mild(5, 11, seed=1)
    found = match_luminance(style, content)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    own, wanted = yiq(style)[0], yiq(content)[0]
    naive = (own - own.mean()) * wanted.std() / own.std() + wanted.mean()
    # Within 1 %: the spread of a sample, which is the larger for the smaller picture.
    np.testing.assert_allclose(found[0].flatten().numpy(), naive, atol=2e-3)
    np.testing.assert_allclose(found[0].mean(), wanted.mean(), atol=1e-9)
    np.testing.assert_allclose(found.std(), luminance(content).std(), rtol=1e-9)


def test_matched_luminance_by_hand() -> None:
    """Mean 0.5 and spread 0.2 become 0.4 and 0.1."""
    found = match_luminance(grays(0.3, 0.7, 0.3, 0.7), grays(0.3, 0.5, 0.5, 0.3))
    torch.testing.assert_close(found, grays(0.3, 0.5, 0.3, 0.5))


def test_transferred_luminance_keeps_the_contents_chroma() -> None:
    result, content = mild(6, 8), mild(6, 8, seed=1)
    found = yiq(transfer_luminance(result, content))
    np.testing.assert_allclose(found[0], yiq(result)[0], atol=1e-9)
    np.testing.assert_allclose(found[1:], yiq(content)[1:], atol=1e-4)
    assert np.abs(yiq(result)[1:] - yiq(content)[1:]).max() > 0.02


def test_transferred_luminance_by_hand() -> None:
    """Luminance is the same in all three channels: the content moves along gray."""
    content = plain(0.6, 0.4, 0.4, 1, 1)  # of luminance 0.4 + 0.2·0.299
    found = transfer_luminance(plain(0.5, 0.5, 0.5, 1, 1), content)
    torch.testing.assert_close(found, content + 0.5 - 0.4598)


def test_matched_moments_are_the_contents() -> None:
    style, content = mild(12, 10), mild(7, 15, seed=1).flip(0)
    found = match_moments(style, content).flatten(1).numpy()
    wanted = content.flatten(1).numpy()
    np.testing.assert_allclose(found.mean(1), wanted.mean(1), atol=1e-12)
    np.testing.assert_allclose(np.cov(found, bias=True), np.cov(wanted, bias=True), rtol=1e-9)
    before = style.flatten(1).numpy()
    assert np.abs(np.cov(before) - np.cov(wanted)).max() > 1e-3


def test_moments_are_matched_by_symmetric_roots() -> None:
    """Any root of the covariance gives the right moments; the paper's is symmetric."""
    style, content = mild(12, 10), mild(7, 15, seed=1).flip(0)
    own, wanted = style.flatten(1).numpy(), content.flatten(1).numpy()
    change = square_root(np.cov(wanted, bias=True)) @ np.linalg.inv(
        square_root(np.cov(own, bias=True))
    )
    naive = change @ (own - own.mean(1, keepdims=True)) + wanted.mean(1, keepdims=True)
    np.testing.assert_allclose(match_moments(style, content).flatten(1).numpy(), naive, atol=1e-9)


def test_matched_moments_by_hand() -> None:
    """The corners of a cube have independent channels: each is stretched by itself."""
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 3).T.reshape(3, 2, 4)
    spread = torch.tensor([0.3, 0.2, 0.05]).double().view(3, 1, 1)
    center = torch.tensor([0.6, 0.5, 0.4]).double().view(3, 1, 1)
    found = match_moments(0.5 + 0.1 * corners, center + spread * corners.flip(-1))
    torch.testing.assert_close(found, center + spread * corners)


def test_a_picture_matched_with_itself_stays() -> None:
    picture = mild(8, 9)
    for change in (transfer_luminance, match_moments, match_histograms):
        torch.testing.assert_close(change(picture, picture), picture)


def test_matched_histograms_have_the_contents_values() -> None:
    result, content = mild(6, 10), mild(10, 6, seed=1)
    found = match_histograms(result, content)
    assert found.shape == result.shape
    np.testing.assert_allclose(
        np.sort(yiq(found), axis=1), np.sort(yiq(content), axis=1), atol=2e-5
    )
    for own, before in zip(yiq(found), yiq(result), strict=True):  # and the result's order
        assert (np.diff(own[np.argsort(before)]) > -2e-5).all()


def test_matched_histograms_by_hand() -> None:
    four = match_histograms(grays(0.9, 0.1, 0.5, 0.3), grays(0.2, 0.4, 0.6, 0.8))
    torch.testing.assert_close(four, grays(0.8, 0.2, 0.6, 0.4))
    between = match_histograms(grays(0.1, 0.2, 0.3, 0.4, 0.5), grays(0.8, 0.2, 0.4))
    torch.testing.assert_close(between, grays(0.2, 0.3, 0.4, 0.6, 0.8))
    fewer = match_histograms(grays(0.3, 0.1, 0.2), grays(0.1, 0.9, 0.3, 0.5, 0.7))
    torch.testing.assert_close(fewer, grays(0.9, 0.1, 0.5))


@pytest.mark.parametrize("change", CHANGES)
def test_twice_is_once(change: Change) -> None:
    result, content = mild(8, 9).float(), mild(8, 9, seed=1).float()
    once = change(result, content)
    assert float((once - result).abs().max()) > 0.02
    torch.testing.assert_close(change(once, content), once, atol=2e-5, rtol=0)


@pytest.mark.parametrize("change", CHANGES)
def test_constant_pictures_give_numbers(change: Change) -> None:
    """The style or the content without any variance, or both, or one pixel."""
    busy, flat, black = mild(5, 6).float(), plain(0.7, 0.2, 0.4, 5, 6), torch.zeros(3, 5, 6)
    pairs = [(busy, flat), (flat, busy), (flat, flat), (black, busy), (busy, black)]
    pairs += [(plain(0.1, 0.2, 0.3, 1, 1), plain(0.9, 0.2, 0.5, 1, 1))]
    for own, other in pairs:
        found = change(own, other)
        assert bool(torch.isfinite(found).all())
        assert found.dtype == torch.float32 and found.shape == own.shape


def test_a_constant_style_takes_the_contents_mean() -> None:
    flat, content = plain(0.7, 0.2, 0.4, 5, 6), mild(5, 6).float()
    mean = content.flatten(1).mean(1).view(3, 1, 1).expand(3, 5, 6)
    torch.testing.assert_close(match_moments(flat, content), mean, atol=1e-4, rtol=0)
    gray = luminance(content).mean().expand(3, 5, 6)
    torch.testing.assert_close(match_luminance(flat, content), gray, atol=1e-3, rtol=0)


@pytest.mark.parametrize("change", CHANGES)
def test_colors_stay_in_range_and_pictures_as_they_are(
    change: Change, content: torch.Tensor, style: torch.Tensor
) -> None:
    style = torch.nn.functional.pad(style, (0, 8, 0, 8))  # as large as the content
    before = content.clone(), style.clone()
    found = change(style, content)
    assert float(found.min()) >= 0.0 and float(found.max()) <= 1.0
    assert torch.equal(content, before[0]) and torch.equal(style, before[1])


def half_seen(picture: torch.Tensor) -> torch.Tensor:
    """Weights that leave the left half, an odd number of columns."""
    weight = torch.zeros_like(picture[:1])
    weight[..., : picture.shape[-1] // 2] = 1.0
    return weight


def test_statistics_are_those_of_what_is_seen() -> None:
    style, content = mild(16, 22, seed=1), mild(16, 22)
    left = slice(0, 11)
    weights = half_seen(style), half_seen(content)
    for match in (match_luminance, match_moments):
        found = match(style, content, *weights)[..., left]
        expected = match(style[..., left], content[..., left])
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)  # n or n − 1 pixels
    found = match_histograms(style, content, weights[0])[..., left]
    expected = match_histograms(style[..., left], content[..., left])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_partial_weights_count_in_part() -> None:
    """A pixel of weight 1/2 counts half, so two of them are one."""
    once, twice = grays(0.2, 0.6), grays(0.2, 0.2, 0.6)
    weight = torch.tensor([0.5, 0.5, 1.0], dtype=torch.float64).view(1, 1, 3)
    one = match_moments(mild(6, 6), once)
    other = match_moments(mild(6, 6), twice, None, weight)
    torch.testing.assert_close(one, other)
    own = grays(0.0, 0.5, 1.0)
    found = match_histograms(own, own, weight)
    torch.testing.assert_close(found, own)
