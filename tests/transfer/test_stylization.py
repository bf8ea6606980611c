import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import avg_pool2d

from stylecli.errors import InputError
from stylecli.settings import Compute
from stylecli.transfer import Progress

from .conftest import FAST, FP32, looks_sound, same


def test_a_picture_and_how_it_came_about(paint: Any, content: torch.Tensor) -> None:
    result = paint()
    assert result.image.shape == content.shape
    assert result.image.dtype == torch.float32
    assert not result.image.requires_grad
    assert 0.0 <= float(result.image.min()) < float(result.image.max()) <= 1.0
    assert (result.device, result.precision, result.iterations) == ("cpu", "fp32", 4)
    assert len(result.encoder_sha256) == 64
    assert result.settings == FAST
    assert result.notes == ()
    assert result.seconds > 0


def test_inputs_stay_as_they_are(paint: Any, content: torch.Tensor, style: torch.Tensor) -> None:
    before = content.clone(), style.clone()
    paint(init="content")
    assert torch.equal(content, before[0]) and torch.equal(style, before[1])


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_bytes_and_another_another(
    paint: Any, optimizer: str, precision: str
) -> None:
    compute = Compute(device="cpu", precision=precision)  # type: ignore[arg-type]
    first, again, other = (
        paint(compute=compute, optimizer=optimizer, seed=seed) for seed in (5, 5, 6)
    )
    assert same(first, again)
    assert first.losses == again.losses and first.pyramid == again.pyramid
    assert not same(first, other)


def test_global_random_state_plays_no_part_and_is_left_alone(paint: Any) -> None:
    torch.manual_seed(1)
    first = paint()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(first, paint())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_objective_goes_down(paint: Any, optimizer: str, kind: str) -> None:
    seen: list[Progress] = []
    result = paint(iterations=25, optimizer=optimizer, losses=kind, on_progress=seen.append)
    totals = [progress.losses.total for progress in seen]
    assert result.losses.total == min(totals)
    assert result.losses.total < 0.5 * totals[0]


def test_relative_losses_both_fall(paint: Any, content: torch.Tensor, style: torch.Tensor) -> None:
    """Against the content picture for style, and against noise for content."""
    result = paint(iterations=40)
    as_content = paint(iterations=1, init_image=content).losses
    assert as_content.content == 0.0
    noise = paint(iterations=1).losses
    assert result.losses.style < 0.5 * min(as_content.style, noise.style)
    assert result.losses.total < 0.5 * min(as_content.total, noise.total)


def test_progress_counts_up_to_1(paint: Any, small_scales: None, content: torch.Tensor) -> None:
    seen: list[Progress] = []
    images: list[torch.Tensor] = []

    def on_progress(progress: Progress) -> None:
        seen.append(progress)
        images.append(progress.image())

    result = paint(iterations=9, on_progress=on_progress)
    assert len(seen) == result.iterations == 9
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(set(fractions))
    assert fractions[0] > 0.0 and fractions[-1] == pytest.approx(1.0)
    assert {progress.scales for progress in seen} == {2}
    assert [p.scale for p in seen] == sorted(p.scale for p in seen)
    for scale in (1, 2):
        own = [progress for progress in seen if progress.scale == scale]
        assert [p.iteration for p in own] == list(range(1, own[0].iterations + 1))
    assert (seen[0].width, seen[0].height) == (32, 24)
    assert (seen[-1].width, seen[-1].height) == (64, 48)
    for progress, image in zip(seen, images, strict=True):
        assert image.shape == (3, progress.height, progress.width)
        assert image.dtype == torch.float32 and looks_sound(image)
        assert math.isfinite(progress.losses.total)
    assert torch.equal(images[-1], result.image)


def test_watching_changes_nothing(paint: Any, small_scales: None) -> None:
    assert same(paint(iterations=6), paint(iterations=6, on_progress=lambda p: p.image().zero_()))


def test_an_error_of_the_watcher_ends_the_run(paint: Any) -> None:
    class Enough(Exception):
        pass

    def stop(progress: Progress) -> None:
        raise Enough

    with pytest.raises(Enough):
        paint(on_progress=stop)


def test_starts_from_noise_the_content_or_a_picture(paint: Any, content: torch.Tensor) -> None:
    noise = paint(iterations=1).image
    assert abs(float(noise.mean()) - 0.5) < 0.01 and 0.02 < float(noise.std()) < 0.1
    torch.testing.assert_close(paint(iterations=1, init="content").image, content)
    given = torch.rand(content.shape, generator=torch.Generator().manual_seed(4))
    assert torch.equal(paint(iterations=1, init_image=given).image, given)
    assert torch.equal(paint(iterations=1, init="x.png", init_image=given).image, given)
    resized = paint(iterations=1, init_image=torch.full((3, 9, 5), 0.25)).image
    torch.testing.assert_close(resized, torch.full_like(content, 0.25))


def test_an_init_that_names_a_picture_needs_it(paint: Any) -> None:
    with pytest.raises(InputError, match=r"init 'x\.png' names a picture"):
        paint(init="x.png")


def test_coarse_scales_hand_on_their_picture(paint: Any, small_scales: None) -> None:
    """The coarse result is what the fine scale starts from."""
    images: list[torch.Tensor] = []
    paint(iterations=12, on_progress=lambda p: images.append(p.image()))
    coarse = [image for image in images if image.shape[-1] == 32][-1]
    fine = next(image for image in images if image.shape[-1] == 64)
    error = avg_pool2d(fine[None], 2)[0] - coarse
    assert float(error.square().mean().sqrt()) < 0.05


@pytest.mark.parametrize(
    ("size", "shape"), [(None, (48, 64)), (32, (24, 32)), (96, (72, 96)), (128, (96, 128))]
)
def test_size_is_the_long_side(paint: Any, size: int | None, shape: tuple[int, int]) -> None:
    result = paint(size=size, iterations=1)
    assert tuple(result.image.shape) == (3, *shape)


@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (16, 61), (49, 16)])
def test_odd_and_smallest_sizes(paint: Any, shape: tuple[int, int]) -> None:
    result = paint(content=torch.rand(3, *shape), iterations=3)
    assert tuple(result.image.shape) == (3, *shape)
    assert looks_sound(result.image)


def test_iterations_are_all_spent_on_a_strip(paint: Any) -> None:
    """Whose coarse scales are too small for the deepest layer."""
    assert paint(content=torch.rand(3, 16, 260), iterations=12).iterations == 12


def test_several_styles(paint: Any, style: torch.Tensor) -> None:
    other = style.flip(0).mT
    both, first, second = (paint(styles=s) for s in ([style, other], [style], [other]))
    assert same(first, paint(styles=style))
    assert not same(both, first) and not same(both, second)


def test_strength_0_is_the_content_and_1_the_style_alone(paint: Any) -> None:
    content, middle, style = (paint(strength=s, iterations=25).pyramid[0] for s in (0.0, 0.5, 1.0))
    assert content[0] < 0.5 * middle[0] and middle[0] < 0.7 * style[0]
    assert style[1] < middle[1] < 0.5 * content[1]


def test_strength_0_leaves_the_content_as_it_is(paint: Any, content: torch.Tensor) -> None:
    result = paint(strength=0.0, chroma_tv=0.0, init="content", iterations=5)
    assert torch.equal(result.image, content)
    assert result.losses.content == 0.0


def test_total_variation_smooths(paint: Any) -> None:
    def roughness(**settings: float) -> float:
        image = paint(iterations=12, **settings).image
        return float(image.diff(dim=-1).square().mean() + image.diff(dim=-2).square().mean())

    assert roughness(tv=1000.0) < 0.5 * roughness(tv=0.0)


def test_pyramid_holds_three_sizes_where_they_exist(paint: Any) -> None:
    assert len(paint(iterations=1, size=64).pyramid) == 2
    assert len(paint(iterations=1, size=128).pyramid) == 3
    assert len(paint(content=torch.rand(3, 20, 20), iterations=1).pyramid) == 1


def test_pyramid_is_relative_whatever_is_optimized(paint: Any, content: torch.Tensor) -> None:
    relative, gatys = (
        paint(
            iterations=1,
            octaves=1,
            losses=kind,
            init_image=content.flip(0),
            content_layers=(("relu4_2", 1.0),),  # at small scales a second one joins the default
        )
        for kind in ("relative", "gatys")
    )
    assert relative.pyramid == gatys.pyramid
    assert relative.pyramid[0] == (relative.losses.content, relative.losses.style)
    assert gatys.losses.content != relative.losses.content


def in_precision(precision: str) -> Compute:
    return Compute(device="cpu", precision=precision)  # type: ignore[arg-type]


def test_bf16_measures_what_fp32_does(paint: Any) -> None:
    """The losses of one picture, the one that a run in float32 ends with."""
    made = paint(iterations=25).image
    exact, low = (
        paint(iterations=1, init_image=made, compute=in_precision(name))
        for name in ("fp32", "bf16")
    )
    assert low.precision == "bf16"
    for wanted, found in zip(exact.pyramid, low.pyramid, strict=True):
        assert found == pytest.approx(wanted, rel=0.02)
    assert low.losses.total == pytest.approx(exact.losses.total, rel=0.02)


def test_bf16_arrives_where_fp32_does(paint: Any) -> None:
    """Over three seeds: a run is chaotic, and one alone may end some percent off."""
    exact, low = (
        sum(
            paint(iterations=40, seed=seed, compute=in_precision(name)).losses.total
            for seed in range(3)
        )
        for name in ("fp32", "bf16")
    )
    assert low == pytest.approx(exact, rel=0.1)


def test_tiles_give_the_same_picture(paint: Any) -> None:
    whole, tiled = (
        paint(size=100, iterations=4, compute=replace(FP32, tile=tile)) for tile in ("off", "64")
    )
    assert tiled.losses.total == pytest.approx(whole.losses.total, rel=1e-2)
    assert float((tiled.image - whole.image).abs().mean()) < 1e-2


def test_to_pil(paint: Any) -> None:
    result = paint(iterations=1)
    picture = result.to_pil()
    assert (picture.mode, picture.size) == ("RGB", (64, 48))
    pixel = (result.image[:, 7, 11] * 255).round().int().tolist()
    assert list(picture.getpixel((11, 7))) == pixel
