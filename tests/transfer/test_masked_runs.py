from dataclasses import replace
from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Result, Style
from stylecli.transfer.stylization import stylize_batch

COMPUTE = Compute(device="cpu", precision="fp32")
FAST = Settings(iterations=4)


@pytest.fixture
def left(content: torch.Tensor) -> torch.Tensor:
    """The left half of the content, with an edge of 8 pixels that is half of it."""
    mask = torch.zeros_like(content[:1])
    mask[..., :28], mask[..., 28:36] = 1.0, 0.5
    return mask


def run(
    encoder: Encoder,
    content: torch.Tensor,
    styles: list[Style],
    regions: tuple[torch.Tensor, ...] = (),
    compute: Compute = COMPUTE,
    **settings: Any,
) -> Result:
    request = Request(content, styles, replace(FAST, **settings), None, regions)
    return stylize_batch([request], compute=compute, encoder=encoder)[0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("init", ["random", "content"])
def test_a_region_without_a_style_keeps_the_content(
    compact: Encoder,
    content: torch.Tensor,
    style: torch.Tensor,
    left: torch.Tensor,
    small_scales: None,
    optimizer: str,
    init: str,
) -> None:
    """To the last bit, whatever the start; the other side is painted."""
    regions = (left, 1.0 - left)
    image = run(compact, content, [Style(style)], regions, optimizer=optimizer, init=init).image
    assert torch.equal(image[..., 36:], content[..., 36:])
    assert float((image - content)[..., :28].abs().mean()) > 0.02


def test_a_soft_edge_is_half_of_either(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor, left: torch.Tensor
) -> None:
    """From black, with nothing that moves it: the start and the content, mixed by the mask."""
    request = Request(
        content,
        [Style(style)],
        replace(FAST, iterations=1, strength=0.5),
        torch.zeros_like(content),
        (left, 1.0 - left),
    )
    (result,) = stylize_batch([request], compute=COMPUTE, encoder=compact)
    wanted = torch.where(left == 0.5, 0.75 * content, (1.0 - left) * content)
    torch.testing.assert_close(result.image, wanted)


def test_each_region_takes_its_own_style(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor, left: torch.Tensor
) -> None:
    """Warm on the left, cold on the right, and the other way round."""
    warm, cold, gray = style, style.flip(0), torch.full_like(content, 0.5)
    for first, second, sign in ((warm, cold, 1.0), (cold, warm, -1.0)):
        styles = [Style(first, region=0), Style(second, region=1)]
        image = run(compact, gray, styles, (left, 1.0 - left), strength=1.0, iterations=60).image
        warmth = sign * (image[0] - image[2]).mean(0)
        assert float(warmth[:24].mean()) > 0.15
        assert float(warmth[40:].mean()) < -0.15


def test_a_mask_of_any_size_means_the_same(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    small = torch.zeros(1, 6, 8)
    small[..., :4] = 1.0
    large = torch.nn.functional.interpolate(small[None], (192, 256), mode="bilinear")[0]
    images = [
        run(compact, content, [Style(style)], (mask, 1.0 - mask), size=80).image
        for mask in (small, large)
    ]
    assert images[0].shape == (3, 60, 80)
    assert float((images[0] - images[1]).abs().mean()) < 0.05


def test_tiles_make_the_same_masked_picture(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor, left: torch.Tensor
) -> None:
    wide = torch.nn.functional.interpolate(content[None], (96, 128), mode="bilinear")[0]
    images = [
        run(
            compact,
            wide,
            [Style(style)],
            (left, 1.0 - left),
            compute=replace(COMPUTE, tile=tile),
            iterations=2,
            init="content",
        ).image
        for tile in ("off", "64")
    ]
    torch.testing.assert_close(images[0], images[1], atol=2e-3, rtol=0)
