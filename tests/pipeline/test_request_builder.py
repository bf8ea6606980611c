import pytest
import torch

from stylecli.errors import InputError
from stylecli.images import color_transfer
from stylecli.images.picture import Metadata, Picture
from stylecli.pipeline import request_builder
from stylecli.pipeline.request_builder import Masks
from stylecli.settings import Settings
from stylecli.transfer import Request

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def halves(
    left: tuple[float, ...], right: tuple[float, ...], picture: torch.Tensor
) -> torch.Tensor:
    """A mask as large as a picture, in two plain colors."""
    mask = torch.empty_like(picture)
    middle = picture.shape[-1] // 2
    for columns, plain in ((slice(0, middle), left), (slice(middle, None), right)):
        mask[..., columns] = torch.tensor(plain)[:, None, None]
    return mask


def opaque(pixels: torch.Tensor) -> Picture:
    return Picture(pixels=pixels, alpha=None, meta=Metadata())


def compose(
    settings: Settings,
    content: torch.Tensor,
    styles: list[torch.Tensor],
    init: torch.Tensor | None = None,
    divided: Masks | None = None,
) -> Request:
    """A request for opaque pictures."""
    start = None if init is None else opaque(init)
    pictures = [opaque(style) for style in styles]
    return request_builder.compose(settings, opaque(content), pictures, start, divided)


def white(picture: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(picture)


def gray_left(picture: torch.Tensor) -> torch.Tensor:
    return halves((1.0,) * 3, (0.0,) * 3, picture)


def masked(content: torch.Tensor, *styles: torch.Tensor) -> Masks:
    return Masks(content, styles, "mask.png", [f"style{n}.png" for n in range(len(styles))])


def filled(request: Request) -> list[tuple[int, bool]]:
    """For each style asked for: its region, and whether a part of it is taken."""
    return [(style.region, style.mask is not None) for style in request.styles]


def test_a_plain_request(content: torch.Tensor, style: torch.Tensor) -> None:
    init = torch.rand(3, 24, 32)
    request = compose(Settings(), content, [style], init)
    assert request.content is content and request.init is init and not request.regions
    (only,) = request.styles
    assert only.picture is style
    assert (only.weight, only.scale, only.mask, only.region) == (1.0, 1.0, None, 0)


def test_weights_and_scales_go_with_their_styles(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    settings = Settings(style_weights=(3.0, 1.0), style_scale=(2.0, 0.5))
    found = compose(settings, content, [style, content]).styles
    assert [(one.weight, one.scale) for one in found] == [(3.0, 2.0), (1.0, 0.5)]
    for_all = compose(Settings(style_scale=(1.5,)), content, [style, content]).styles
    assert [(one.weight, one.scale) for one in for_all] == [(1.0, 1.5), (1.0, 1.5)]


@pytest.mark.parametrize(("size", "expected"), [(None, 0.5), (128, 0.25), (16, 2.0)])
def test_style_size_is_counted_from_the_outputs(
    content: torch.Tensor, style: torch.Tensor, size: int | None, expected: float
) -> None:
    """The content's long side is 64 pixels."""
    settings = Settings(style_size=32, size=size)
    assert compose(settings, content, [style]).styles[0].scale == expected
    doubled = Settings(style_size=32, size=size, style_scale=(2.0,))
    assert compose(doubled, content, [style]).styles[0].scale == 2 * expected


def test_colors_of_the_content(content: torch.Tensor, style: torch.Tensor) -> None:
    request = compose(Settings(color="content"), content, [style])
    assert torch.equal(request.content, color_transfer.luminance(content))
    gray = color_transfer.match_luminance(style, content)
    assert torch.equal(request.styles[0].picture, gray)


def test_a_style_recolored_before(content: torch.Tensor, style: torch.Tensor) -> None:
    request = compose(Settings(color="match"), content, [style])
    assert request.content is content
    assert torch.equal(request.styles[0].picture, color_transfer.match_moments(style, content))


def test_white_takes_the_style(content: torch.Tensor, style: torch.Tensor) -> None:
    request = compose(Settings(), content, [style], None, masked(gray_left(content)))
    assert filled(request) == [(0, False)]
    painted, kept = request.regions
    assert torch.equal(painted, gray_left(content)[:1])
    assert torch.equal(kept, 1.0 - painted)


def test_two_styles_for_white_and_black(content: torch.Tensor, style: torch.Tensor) -> None:
    settings = Settings(style_weights=(3.0, 1.0), style_scale=(2.0, 1.0))
    request = compose(settings, content, [style, content], None, masked(gray_left(content)))
    assert filled(request) == [(0, False), (1, False)]
    assert [(s.weight, s.scale) for s in request.styles] == [(3.0, 2.0), (1.0, 1.0)]
    assert request.styles[0].picture is style and request.styles[1].picture is content


def test_parts_of_styles_go_to_the_regions_of_their_color(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    """The first style has both colors, the second blue alone."""
    divided = masked(
        halves(RED, BLUE, content), halves(BLUE, RED, style), halves(BLUE, BLUE, content)
    )
    request = compose(Settings(), content, [style, content], None, divided)
    left = halves((1.0,), (0.0,), content[:1])
    blue = next(i for i, region in enumerate(request.regions) if float(region[0, 0, -1]) > 0.5)
    red = 1 - blue
    torch.testing.assert_close(request.regions[red], left)
    wanted = {(red, "style"), (blue, "style"), (blue, "content")}
    named = {id(style): "style", id(content): "content"}
    assert {(s.region, named[id(s.picture)]) for s in request.styles} == wanted
    for one in request.styles:
        assert one.mask is not None
        if one.picture is content:
            torch.testing.assert_close(one.mask, torch.ones_like(content[:1]))
        else:
            in_red = halves((0.0,), (1.0,), style[:1])
            torch.testing.assert_close(one.mask, in_red if one.region == red else 1.0 - in_red)


def test_a_region_that_no_style_has_is_left(content: torch.Tensor, style: torch.Tensor) -> None:
    divided = masked(gray_left(content), white(style))
    assert filled(compose(Settings(), content, [style], None, divided)) == [(0, True)]


def test_a_style_for_a_region_that_is_not_there(content: torch.Tensor, style: torch.Tensor) -> None:
    """The content is all white: what is black in the style has no place."""
    divided = masked(white(content), gray_left(style))
    assert filled(compose(Settings(), content, [style], None, divided)) == [(0, True)]


def test_one_colored_mask_makes_all_of_them_colored(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    divided = masked(gray_left(content), halves((1.0,) * 3, RED, style))
    request = compose(Settings(), content, [style], None, divided)
    assert torch.equal(request.regions[0], gray_left(content)[:1])
    shares = [float(one.mask.mean()) for one in request.styles if one.mask is not None]
    assert shares[0] == pytest.approx(0.5)  # red is as near to black as it gets
    assert [one.region for one in request.styles] == [0, 1]


def test_a_style_of_weight_0_leaves_its_region(content: torch.Tensor, style: torch.Tensor) -> None:
    settings = Settings(style_weights=(1.0, 0.0))
    request = compose(settings, content, [style, content], None, masked(gray_left(content)))
    assert filled(request) == [(0, False)]
    divided = masked(white(content), gray_left(style), 1.0 - white(content))
    request = compose(settings, content, [style, content], None, divided)
    assert filled(request) == [(0, True)]


def test_masks_that_do_not_fit(content: torch.Tensor, style: torch.Tensor) -> None:
    turned = content.mT.contiguous()

    def refused(styles: list[torch.Tensor], divided: Masks, settings: Settings) -> str:
        with pytest.raises(InputError) as caught:
            compose(settings, content, styles, None, divided)
        return str(caught.value)

    plain = Settings()
    assert refused([style], masked(white(turned)), plain) == (
        "the mask mask.png is 48x64 pixels and the content is 64x48: give it the same shape."
    )
    crooked = masked(white(content), white(content), white(turned))
    assert refused([content, style], crooked, plain) == (
        "the mask style1.png is 48x64 pixels and style 2 is 56x40: give it the same shape."
    )
    assert refused([style] * 3, masked(gray_left(content)), plain) == (
        "mask.png has 2 region(s) for 3 styles: give a --style-mask for each style, or fewer "
        "styles."
    )
    nothing = "mask.png leaves no region to paint: "
    assert refused([style], masked(1.0 - white(content)), plain) == (
        f"{nothing}it needs some white, or a color that a style has."
    )
    apart = masked(white(content), 1.0 - white(style))
    assert refused([style], apart, plain).startswith(nothing)
    weightless = Settings(style_weights=(0.0, 1.0))
    assert refused([style, style], masked(white(content)), weightless) == (
        f"{nothing}its styles have weight 0."
    )


def test_names_are_shown_without_control_characters(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    divided = Masks(1.0 - white(content), [], "a\x1bmask.png", [])
    with pytest.raises(InputError, match=r"^a\\x1bmask.png leaves no region"):
        compose(Settings(), content, [style], None, divided)


def test_a_region_that_cannot_be_seen_is_not_painted(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    alpha = torch.ones_like(content[:1])
    alpha[..., : content.shape[-1] // 2] = 0.0
    clear = Picture(pixels=content, alpha=alpha, meta=Metadata())
    with pytest.raises(InputError, match="leaves no region to paint"):
        request_builder.compose(
            Settings(), clear, [opaque(style)], None, masked(gray_left(content))
        )


def test_statistics_of_colors_leave_out_what_is_hidden(
    content: torch.Tensor, style: torch.Tensor
) -> None:
    alpha = torch.ones_like(content[:1])
    alpha[..., 40:] = 0.0
    other = content.clone()
    other[..., 40:] = 0.0
    for color in ("match", "content"):
        one, two = (
            request_builder.compose(
                Settings(color=color),
                Picture(pixels=pixels, alpha=alpha, meta=Metadata()),
                [opaque(style)],
            ).styles[0]
            for pixels in (content, other)
        )
        assert torch.equal(one.picture, two.picture)
