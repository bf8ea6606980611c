"""What `stylize` takes, and what it refuses with a clear error."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from stylecli.errors import InputError, UsageError
from stylecli.settings import Settings
from stylecli.transfer import stylize

from .conftest import FAST, FP32, looks_sound, same


@pytest.mark.parametrize(
    "picture",
    [
        torch.zeros(48, 64),
        torch.zeros(1, 3, 48, 64),
        torch.zeros(4, 48, 64),
        torch.zeros(48, 64, 3),
        torch.zeros(3, 48, 64, dtype=torch.uint8),
    ],
    ids=lambda picture: f"{tuple(picture.shape)}",
)
@pytest.mark.parametrize("role", ["content", "styles", "init_image"])
def test_a_picture_of_the_wrong_form(paint: Any, picture: torch.Tensor, role: str) -> None:
    with pytest.raises(InputError, match=r"float tensor of shape \(3, H, W\) in \[0, 1\], got"):
        paint(**{role: picture})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("role", ["content", "styles", "init_image"])
def test_a_picture_that_is_not_finite(
    paint: Any, content: torch.Tensor, bad: float, role: str
) -> None:
    picture = content.clone()
    picture[1, 3, 5] = bad
    with pytest.raises(InputError, match="NaN or infinite"):
        paint(**{role: picture})


def test_values_outside_the_box_are_clamped(paint: Any, content: torch.Tensor) -> None:
    wide = content * 4 - 1.5
    assert same(paint(content=wide), paint(content=wide.clamp(0, 1)))


def test_other_float_types_and_views_will_do(paint: Any, content: torch.Tensor) -> None:
    assert same(paint(content=content.double()), paint())
    turned = content.mT.contiguous().mT
    assert same(paint(content=turned), paint())
    assert looks_sound(paint(content=content.half().requires_grad_()).image)


@pytest.mark.parametrize("shape", [(15, 40), (40, 15), (1, 1)])
def test_a_content_that_is_too_small(paint: Any, shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{shape[1]}x{shape[0]} pixels.*at least 16x16"):
        paint(content=torch.rand(3, *shape))


def test_a_small_content_is_enlarged_by_size(paint: Any) -> None:
    assert paint(content=torch.rand(3, 4, 5), size=30).image.shape == (3, 24, 30)


def test_shallow_layers_take_smaller_pictures(paint: Any) -> None:
    layers = {"content_layers": (("relu1_2", 1.0),), "style_layers": (("relu1_1", 1.0),)}
    assert paint(content=torch.rand(3, 1, 2), **layers).image.shape == (3, 1, 2)


@pytest.mark.parametrize(
    "styles", [[], (), torch.zeros(3, 0, 5), torch.zeros(3, 5, 0)], ids=["[]", "()", "0x5", "5x0"]
)
def test_no_style_at_all(paint: Any, styles: Any) -> None:
    with pytest.raises(InputError):
        paint(styles=styles)


@pytest.mark.parametrize("which", ["content_layers", "style_layers"])
def test_an_unknown_layer(paint: Any, which: str) -> None:
    with pytest.raises(UsageError, match=r"unknown layer 'relu41'; did you mean 'relu4_1'\?"):
        paint(**{which: (("relu41", 1.0),)})


def test_an_unknown_encoder(content: torch.Tensor, style: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"unknown encoder 'compct'; did you mean 'compact'\?"):
        stylize(content, style, settings=Settings(encoder="compct"))


def test_the_encoder_of_the_settings_is_loaded(
    paint: Any, content: torch.Tensor, style: torch.Tensor
) -> None:
    settings = replace(FAST, pooling="average", padding="zeros")
    found = stylize(content, style, settings=settings, compute=FP32)
    assert looks_sound(found.image)
    assert not same(found, paint())
