"""What cannot be seen does not count: hidden colors, faint ones, pictures of nothing."""

import pytest
import torch

from stylecli.errors import InputError
from stylecli.images.alpha import FAINT, on_white, without_hidden_colors
from stylecli.images.picture import Metadata, Picture


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def picture(pixels: torch.Tensor, alpha: torch.Tensor | None) -> Picture:
    return Picture(pixels=pixels, alpha=alpha, meta=Metadata())


def cleaned(pixels: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    return without_hidden_colors(picture(pixels, alpha), "a.png").pixels


@pytest.mark.parametrize("size", [(13, 17), (1, 7), (5, 1), (2, 2), (1, 1)])
def test_hidden_colors_are_gone_and_visible_ones_untouched(size: tuple[int, int]) -> None:
    alpha = (random(1, *size) > 0.6).float()
    alpha[:, 0, 0] = 1.0
    pixels, seen = random(3, *size, seed=1), alpha.bool().expand(3, -1, -1)
    found = cleaned(pixels, alpha)
    assert torch.equal(found, cleaned(torch.where(seen, pixels, 1.0 - pixels), alpha))
    assert torch.equal(found[seen], pixels[seen])
    low, high = pixels[seen].min(), pixels[seen].max()
    assert low - 1e-6 <= found.min() and found.max() <= high + 1e-6


def test_faint_colors_hardly_count() -> None:
    """One level of 255 holds no color worth its name, whatever the file says."""
    alpha = torch.ones(1, 8, 8)
    alpha[..., 4:] = 1 / 255
    pixels, other = torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), 0.5)
    pixels[..., 4:], other[..., 4:] = 0.0, 1.0
    apart = (cleaned(pixels, alpha) - cleaned(other, alpha)).abs().max()
    assert apart < 0.001


def test_what_is_opaque_enough_is_left_alone() -> None:
    for alpha in (None, torch.full((1, 4, 4), FAINT)):
        given = picture(random(3, 4, 4), alpha)
        assert without_hidden_colors(given, "a.png") is given


@pytest.mark.parametrize("level", [0.0, 0.4 / 255])
def test_nothing_to_be_seen(level: float) -> None:
    given = picture(random(3, 4, 4), torch.full((1, 4, 4), level))
    with pytest.raises(InputError, match=r"^cannot use a.png: it is transparent throughout, noth"):
        without_hidden_colors(given, "a.png")


def test_weights_and_planes_of_a_picture() -> None:
    pixels, alpha = random(3, 4, 4), random(1, 4, 4, seed=2)
    for opaque in (None, torch.ones(1, 4, 4)):
        given = picture(pixels, opaque)
        assert given.visible is None and given.planes is pixels
    given = picture(pixels, alpha)
    assert given.visible is alpha and torch.equal(given.planes, torch.cat([pixels, alpha]))
    white = on_white(pixels, torch.zeros(1, 4, 4))
    assert torch.equal(white, torch.ones(3, 4, 4))
