import io

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli.errors import InputError
from stylecli.images import masks
from stylecli.images.masks import RGB
from stylecli.images.picture import Metadata, Picture

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def stripes(*colors: RGB, width: int = 10, height: int = 20) -> torch.Tensor:
    """Colors side by side, each `width` wide: (3, height, n·width)."""
    columns = torch.tensor(colors).T.repeat_interleave(width, dim=1)
    return columns[:, None, :].expand(3, height, -1).contiguous()


def as_jpeg(mask: torch.Tensor) -> torch.Tensor:
    """What a lossy file leaves of it."""
    pixels = (mask * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    read = np.asarray(Image.open(file), np.float32) / 255
    return torch.from_numpy(read.transpose(2, 0, 1).copy())


def near(found: RGB, wanted: RGB) -> bool:
    return found == pytest.approx(wanted, abs=1 / 15)


def test_the_alpha_of_one_plain_color_is_the_mask() -> None:
    pixels, alpha = torch.full((3, 1, 2), 0.1), torch.tensor([[[1.0, 0.25]]])
    opaque = Picture(pixels=pixels, alpha=None, meta=Metadata())
    assert torch.equal(masks.mask_of(opaque, "mask.png"), pixels)
    clear = Picture(pixels=pixels, alpha=alpha, meta=Metadata())
    assert torch.equal(masks.mask_of(clear, "mask.png"), alpha.expand(3, -1, -1))


def test_gray_or_colored() -> None:
    gray = torch.rand(1, 8, 9, generator=torch.Generator().manual_seed(0)).expand(3, -1, -1)
    assert masks.is_gray(gray)
    assert not masks.is_gray(stripes(RED, BLUE))
    assert masks.is_gray(as_jpeg(stripes(WHITE, BLACK)))


def test_colors_the_brightest_first() -> None:
    found = masks.colors_of(stripes(BLACK, GREEN, WHITE, (1.0, 1.0, 0.0)), "mask.png")
    assert found == (WHITE, (1.0, 1.0, 0.0), GREEN, BLACK)


def test_colors_of_a_lossy_file_are_those_drawn() -> None:
    found = masks.colors_of(as_jpeg(stripes(RED, WHITE, BLUE, width=40)), "mask.jpg")
    assert near(found[0], WHITE)
    assert sorted(map(tuple, np.round(found[1:]))) == [BLUE, RED]


def test_a_spot_is_no_region_and_near_colors_are_one() -> None:
    mask = stripes(RED, BLUE, width=50)  # 2000 pixels
    mask[:, 0, :3] = torch.tensor(GREEN).view(3, 1)  # 0.15 %
    mask[:, 1, :10] = torch.tensor((1.0, 0.13, 0.13)).view(3, 1)
    assert set(masks.colors_of(mask, "mask.png")) == {RED, BLUE}
    mask[:, 0, :4] = torch.tensor(GREEN).view(3, 1)  # 0.2 %
    assert set(masks.colors_of(mask, "mask.png")) == {RED, GREEN, BLUE}


def corners(count: int) -> torch.Tensor:
    """Plain colors far from each other: the cube's corners and its middle."""
    cube = [(r, g, b) for r in (0.0, 1.0) for g in (0.0, 1.0) for b in (0.0, 1.0)]
    return stripes(*[*cube, (0.5, 0.5, 0.5)][:count])


def test_as_many_colors_as_regions_are_allowed() -> None:
    assert len(masks.colors_of(corners(8), "mask.png")) == 8 == masks.MAX_REGIONS


def test_too_many_colors() -> None:
    with pytest.raises(InputError) as caught:
        masks.colors_of(corners(9), "a\nmask.png")
    assert str(caught.value) == (
        "a\\nmask.png is neither gray nor made of a few plain colors: a mask is gray, or has at "
        "most 8 plain colors that cover more than a spot."
    )


def test_a_photograph_is_no_mask() -> None:
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    with pytest.raises(InputError, match="^photo.jpg is neither gray nor made of a few plain"):
        masks.colors_of(noise, "photo.jpg")


def test_regions_of_gray() -> None:
    mask = torch.tensor([1.0, 0.75, 0.5, 0.0]).expand(3, 1, 4)
    white, black = masks.regions_of(mask, None)
    torch.testing.assert_close(white, torch.tensor([[[1.0, 0.75, 0.5, 0.0]]]))
    torch.testing.assert_close(black, torch.tensor([[[0.0, 0.25, 0.5, 1.0]]]))


def test_regions_of_colors_by_nearness() -> None:
    """exp(−(distance / 0.12)²) of each color, in shares of their sum."""
    mask = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(2))
    colors = (RED, GREEN, WHITE)
    found = masks.regions_of(mask, colors)
    for y in range(4):
        for x in range(5):
            pixel = mask[:, y, x].double().numpy()
            distances = [np.sqrt(((pixel - np.array(c)) ** 2).sum()) for c in colors]
            near = np.exp([-((d / 0.12) ** 2) for d in distances])
            ours = [float(region[0, y, x]) for region in found]
            np.testing.assert_allclose(ours, near / near.sum(), atol=1e-4)


@pytest.mark.parametrize("colors", [None, (RED, GREEN, BLUE), (WHITE, BLACK)])
def test_soft_edges_add_up_to_1(colors: tuple[RGB, ...] | None) -> None:
    mask = torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(3))
    found = masks.regions_of(mask, colors)
    assert all(region.shape == (1, 30, 40) for region in found)
    torch.testing.assert_close(sum(found), torch.ones(1, 30, 40))
    assert min(float(region.min()) for region in found) >= 0.0


def test_plain_colors_are_one_region_and_an_edge_is_shared() -> None:
    mask = stripes(RED, BLUE, width=2, height=1)
    mask[:, 0, 1] = (torch.tensor(RED) + torch.tensor(BLUE)) / 2
    red, blue = masks.regions_of(mask, (RED, BLUE))
    torch.testing.assert_close(red, torch.tensor([[[1.0, 0.5, 0.0, 0.0]]]))
    torch.testing.assert_close(blue, torch.tensor([[[0.0, 0.5, 1.0, 1.0]]]))


@pytest.mark.parametrize("size", [(40, 60), (20, 30), (400, 600), (13, 20), (1000, 1499)])
def test_a_mask_of_the_same_shape_at_any_size(size: tuple[int, int]) -> None:
    masks.check_shape(torch.zeros(3, *size), torch.zeros(3, 40, 60), "the mask", "the content")


@pytest.mark.parametrize("size", [(60, 40), (40, 40), (40, 66), (10, 20)])
def test_a_mask_of_another_shape(size: tuple[int, int]) -> None:
    with pytest.raises(InputError) as caught:
        masks.check_shape(torch.zeros(3, *size), torch.zeros(3, 40, 60), "the mask", "style 2")
    assert str(caught.value) == (
        f"the mask is {size[1]}x{size[0]} pixels and style 2 is 60x40: give it the same shape."
    )


def test_covers_more_than_a_spot() -> None:
    region = torch.zeros(1, 50, 40)
    region[0, 0, :3] = 1.0
    assert not masks.covers(region)
    region[0, 0, 3:5] = 0.6
    assert masks.covers(region)


def feather(height: int = 60, width: int = 90, soft: float = 40.0) -> torch.Tensor:
    """White on the right, black on the left, and grays over `soft` columns between."""
    x = torch.arange(width).float()
    return ((x - width / 2) / soft + 0.5).clamp(0, 1).expand(3, height, -1).clone()


def marked() -> torch.Tensor:
    mask = feather()
    mask[:, :8, :10] = torch.tensor(RED)[:, None, None]
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        feather() * torch.tensor([1.0, 0.99, 0.95])[:, None, None],  # a profile off neutral
        (feather() + 3 / 255 * torch.tensor([1.0, 0.0, -1.0])[:, None, None]).clamp(0, 1),
        as_jpeg(feather()),
        marked(),
        as_jpeg(marked()),
    ],
)
def test_a_soft_mask_stays_soft(mask: torch.Tensor) -> None:
    assert masks.is_gray(mask)
    white, _ = masks.regions_of(mask, None)
    assert len(torch.unique((white * 255).round())) > 30


def test_a_small_region_in_plain_colors_is_no_mark() -> None:
    mask = stripes(BLACK, WHITE, width=40)
    mask[:, :5, :5] = torch.tensor(RED)[:, None, None]
    assert not masks.is_gray(mask)
    assert set(masks.colors_of(mask, "mask.png")) == {WHITE, RED, BLACK}


@pytest.mark.parametrize("lossy", [False, True])
def test_edges_between_colors_are_no_colors(lossy: bool) -> None:
    """In a small picture the blurred rim of a disc has pixels enough for a region."""
    y, x = torch.meshgrid(torch.arange(48) - 23.5, torch.arange(64) - 31.5, indexing="ij")
    disc = (18.0 - (x * x + y * y).sqrt()).clamp(0, 3) / 3
    red, blue = (torch.tensor(color)[:, None, None] for color in (RED, BLUE))
    mask = torch.lerp(blue.expand(3, 48, 64), red.expand(3, 48, 64), disc)
    found = masks.colors_of(as_jpeg(mask) if lossy else mask, "mask.png")
    assert sorted(tuple(map(round, color)) for color in found) == [BLUE, RED]


def test_colors_that_run_into_each_other_are_refused() -> None:
    ramp = feather(soft=90.0)
    mask = torch.stack((ramp[0], 0 * ramp[0], 1 - ramp[0]))
    with pytest.raises(InputError, match="neither gray nor made of a few plain colors"):
        masks.colors_of(mask, "mask.png")


def cut_out(pixels: torch.Tensor) -> Picture:
    """A picture of which a disc is seen, with a soft rim."""
    y, x = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(40) - 19.5, indexing="ij")
    alpha = ((15.0 - (x * x + y * y).sqrt()) / 4).clamp(0, 1)[None]
    return Picture(pixels=pixels, alpha=alpha, meta=Metadata())


def test_a_cut_outs_alpha_is_the_mask() -> None:
    generator = torch.Generator().manual_seed(4)
    photo = torch.rand(3, 40, 40, generator=generator)
    for pixels in (photo, torch.zeros(3, 40, 40), stripes(RED, width=40, height=40)):
        given = cut_out(pixels)
        assert given.alpha is not None
        assert torch.equal(masks.mask_of(given, "cut.png"), given.alpha.expand(3, -1, -1))


@pytest.mark.parametrize("colors", [(RED, BLUE), (WHITE, BLACK)])
def test_a_cut_out_that_may_be_a_mask_itself_is_refused(colors: tuple[RGB, ...]) -> None:
    given = cut_out(stripes(*colors, width=20, height=40))
    with pytest.raises(InputError, match="^cut.png is transparent in part and has several grays"):
        masks.mask_of(given, "cut.png")
