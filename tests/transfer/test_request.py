from collections.abc import Callable
from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError
from stylecli.settings import Compute, Settings
from stylecli.transfer.objective.loss_weights import COARSE_SIDE
from stylecli.transfer.request import Copies, Request, Style, common_settings
from stylecli.transfer.resample import resize
from stylecli.transfer.stylization import make_targets

CPU = torch.device("cpu")


def on_device(
    content: torch.Tensor, *styles: Style, regions: tuple[torch.Tensor, ...] = ()
) -> Request:
    return Request(content, styles, Settings(), None, regions).to(CPU)


def left_of(picture: torch.Tensor, columns: int) -> torch.Tensor:
    mask = torch.zeros_like(picture[:1])
    mask[..., :columns] = 1.0
    return mask


def test_a_plain_request(content: torch.Tensor, style: torch.Tensor) -> None:
    init = torch.rand(3, 5, 6, dtype=torch.float64) * 1.2 - 0.1
    request = Request(content, [Style(style, 2.0, 0.5)], Settings(), init).to(CPU)
    assert torch.equal(request.content, content)
    assert request.settings == Settings() and request.free is None
    assert request.init is not None and request.init.dtype == torch.float32
    assert torch.equal(request.init, init.float().clamp(0, 1))
    (part,) = request.parts
    (copy,) = part.styles
    assert part.mask is None and copy.mask is None
    assert torch.equal(copy.picture, style) and copy.cached_by == (style,)
    assert (copy.weight, copy.scale) == (2.0, 0.5)


def test_without_regions_all_styles_are_blended(content: torch.Tensor, style: torch.Tensor) -> None:
    request = on_device(content, Style(style, region=1), Style(content, 3.0, region=0))
    (part,) = request.parts
    assert [copy.weight for copy in part.styles] == [1.0, 3.0]
    assert request.free is None


def test_a_picture_is_brought_to_the_device_once(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    copies: Copies = {}
    request = Request(content, [Style(style), Style(style, 2.0)], Settings())
    first, second = request.to(CPU, copies), request.to(CPU, copies)
    pictures = {id(s.picture) for each in (first, second) for s in each.styles}
    assert len(pictures) == 1
    assert first.content is second.content


def test_regions_take_their_styles_in_order(content: torch.Tensor, style: torch.Tensor) -> None:
    left = left_of(content, 32)
    regions = (left, 1.0 - left)
    styles = Style(style, 1.0, region=1), Style(content, 2.0, region=0), Style(style, 3.0, region=0)
    request = on_device(content, *styles, regions=regions)
    assert [[s.weight for s in part.styles] for part in request.parts] == [[2.0, 3.0], [1.0]]
    for part, mask in zip(request.parts, regions, strict=True):
        assert part.mask is not None and torch.equal(part.mask, mask)
    assert request.free is None


def test_a_region_without_a_style_is_not_free(content: torch.Tensor, style: torch.Tensor) -> None:
    soft = left_of(content, 32) * 0.75
    request = on_device(content, Style(style, region=1), regions=(1.0 - soft, soft))
    assert len(request.parts) == 1
    assert request.free is not None and torch.equal(request.free, soft)
    image = torch.rand(1, 3, 48, 64)
    kept = request.keep_content(image)
    assert torch.equal(kept[..., 32:], content[None, ..., 32:])
    mixed = 0.75 * image + 0.25 * content
    torch.testing.assert_close(kept[..., :32], mixed[..., :32])


def test_content_is_kept_at_any_size(content: torch.Tensor, style: torch.Tensor) -> None:
    left = left_of(content, 32)
    request = on_device(content, Style(style), regions=(left, 1.0 - left))
    small = torch.full((1, 3, 24, 32), 0.5)
    kept = request.keep_content(small)
    assert torch.equal(kept[..., :15], small[..., :15])
    assert torch.equal(kept[..., 17:], resize(content[None], (24, 32))[..., 17:])
    free = on_device(content, Style(style))
    assert free.keep_content(small) is small


def test_masks_are_resized_to_their_pictures(content: torch.Tensor, style: torch.Tensor) -> None:
    coarse = torch.zeros(1, 6, 8)
    coarse[..., :4] = 1.0
    one = Style(style, mask=torch.ones(1, 5, 7) * 0.5)
    request = on_device(content, one, regions=(coarse, 1.0 - coarse))
    (part,) = request.parts
    assert part.mask is not None and part.mask.shape == (1, 48, 64)
    torch.testing.assert_close(part.mask[..., :28], torch.ones(1, 48, 28))
    torch.testing.assert_close(part.mask[..., 36:], torch.zeros(1, 48, 28))
    (copy,) = part.styles
    assert copy.mask is not None
    torch.testing.assert_close(copy.mask, torch.full((1, 40, 56), 0.5))


def test_a_region_that_is_not_there(content: torch.Tensor, style: torch.Tensor) -> None:
    with pytest.raises(InputError, match="^there is no region 2: the content has 1.$"):
        on_device(content, Style(style, region=2), regions=(left_of(content, 64),))


@pytest.mark.parametrize("weights", [(0.0,), (0.0, 0.0), (1.0, -0.5), (float("nan"), 1.0)])
def test_weights_that_make_no_blend(
    content: torch.Tensor, style: torch.Tensor, weights: tuple[float, ...]
) -> None:
    styles = [Style(style, weight) for weight in weights]
    message = "^styles that are blended need weights from 0 up, not all of them 0, got"
    with pytest.raises(InputError, match=message):
        on_device(content, *styles)
    with pytest.raises(InputError, match=message):  # however much another region has
        every = (*styles, Style(style, 5.0, region=1))
        on_device(content, *every, regions=(left_of(content, 9), 1 - left_of(content, 9)))


def test_no_style(content: torch.Tensor) -> None:
    with pytest.raises(InputError, match="^no style picture was given"):
        on_device(content)


@pytest.mark.parametrize(
    "picture",
    [
        torch.zeros(3, 4),
        torch.zeros(4, 4, 4),
        torch.zeros(1, 3, 4, 4),
        torch.zeros(3, 4, 4, dtype=torch.uint8),
        torch.zeros(3, 0, 4),
    ],
)
def test_pictures_of_the_wrong_form(content: torch.Tensor, picture: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"^a picture must be a float tensor of shape \(3, H, W\)"):
        on_device(content, Style(picture))
    with pytest.raises(InputError, match=r"^a mask must be a float tensor of shape \(1, H, W\)"):
        on_device(content, Style(content, mask=picture))


def test_numbers_that_are_none(content: torch.Tensor) -> None:
    broken = content.clone()
    broken[0, 3, 4] = float("nan")
    with pytest.raises(InputError, match="contains NaN or infinite values"):
        on_device(content, Style(broken))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"strength": 0.9, "seed": 4, "tv": 1.0, "chroma_tv": 0.0, "init": "content"}, True),
        ({"size": 99}, True),  # the sizes of the outputs are compared, not the option
        ({"octaves": 2}, False),
        ({"quality": "draft"}, False),
        ({"optimizer": "adam"}, False),
    ],
)
def test_which_requests_can_be_batched(
    content: torch.Tensor, style: torch.Tensor, settings: dict[str, Any], expected: bool
) -> None:
    one = Request(content, [Style(style)], Settings())
    other = Request(content, [Style(style)], Settings(**settings))
    assert one.can_batch_with(other) is other.can_batch_with(one) is expected
    assert (common_settings(one.settings) == common_settings(other.settings)) is expected
    masked = Request(content, [Style(style)], Settings(), None, (left_of(content, 64),))
    assert not one.can_batch_with(masked) and not masked.can_batch_with(one)


def test_weights_are_those_of_each_request(
    build: Callable[..., Encoder], content: torch.Tensor, style: torch.Tensor
) -> None:
    targets = make_targets(build(), Settings(), Compute(device="cpu", precision="fp32"))
    requests = [Request(content, [Style(style)], Settings(alpha=alpha)) for alpha in (2.0, 3.0)]
    objective = targets.objective([request.to(CPU) for request in requests], (48, 64))
    assert objective.alpha.tolist() == [2.0, 3.0]


def test_small_and_large_scales_have_their_own_content_targets(compact: Encoder) -> None:
    targets = make_targets(compact, Settings(octaves=1), Compute(device="cpu", precision="fp32"))
    picture = torch.rand(3, 40, 56)
    request = Request(picture, [Style(picture)], Settings(octaves=1))
    assert set(targets.objective([request], (40, 56)).content) == {"relu3_3", "relu4_2"}
    assert set(targets.objective([request], (40, 56), is_last=False).content) == {"relu3_3"}
    large = (COARSE_SIDE, COARSE_SIDE)
    assert set(targets.objective([request], large).content) == {"relu4_2"}
    assert set(targets.one_octave(request, (40, 56), None, 0).content) == {"relu4_2"}
