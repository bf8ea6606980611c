"""A warm start: all scales through `compact`, then the full size through another encoder."""

from dataclasses import replace

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import SettingsError
from stylecli.settings import Compute, Settings
from stylecli.transfer import Progress, Request, Style, stylize
from stylecli.transfer.dry_run import plan_run
from stylecli.transfer.schedule import make_schedule
from tests.transfer.conftest import small_encoder

FP32 = Compute(device="cpu", precision="fp32")
WARM = Settings(encoder="vgg19", warm_start="compact", iterations=8)  # the test's own encoder


@pytest.fixture(scope="module")
def other() -> Encoder:
    return small_encoder().to(torch.float32)


def test_it_is_one_run_and_then_another_from_its_picture(
    compact: Encoder, other: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    first, last = (scale.iterations for scale in make_schedule((48, 64), WARM))
    one = replace(WARM, warm_start="none", iterations=first)
    start = stylize(content, style, settings=one, compute=FP32, encoder=compact).image
    two = replace(one, iterations=last)
    expected = stylize(content, style, settings=two, compute=FP32, encoder=other, init_image=start)
    seen: list[Progress] = []
    found = stylize(
        content, style, settings=WARM, compute=FP32, encoder=other, on_progress=seen.append
    )
    assert torch.equal(found.image, expected.image)
    assert found.losses == expected.losses
    assert found.encoder_sha256 == other.sha256
    assert [(p.scale, p.scales, p.width, p.height) for p in seen] == [
        (scale, 2, 64, 48) for scale, count in ((1, first), (2, last)) for _ in range(count)
    ]
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1.0


@pytest.mark.usefixtures("small_scales")
def test_smaller_scales_come_first(
    other: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    sizes = [(scale.size, scale.is_warm_start) for scale in make_schedule((48, 64), WARM)]
    assert sizes[-2:] == [((48, 64), True), ((48, 64), False)]
    assert len(sizes) > 2
    found = stylize(content, style, settings=WARM, compute=FP32, encoder=other)
    assert bool(found.image.isfinite().all())
    assert found.iterations == 8


def test_a_dry_run_plans_both_encoders(
    other: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    plan = plan_run(Request(content, [Style(style)], WARM), FP32, other)
    assert [scale.iterations for scale in plan.scales] == [
        scale.iterations for scale in make_schedule((48, 64), WARM)
    ]
    warm, own = plan.scales
    assert warm.predicted_bytes != own.predicted_bytes  # each by the widths of its encoder


def test_only_high_quality_with_the_original_network_has_one_by_itself() -> None:
    assert Settings(quality="high").is_warm_started
    assert Settings(quality="high", encoder="vgg19").is_warm_started
    assert Settings(encoder="vgg19", warm_start="compact").is_warm_started
    for settings in (
        Settings(),
        Settings(encoder="vgg19"),
        Settings(quality="high", encoder="compact"),
        Settings(quality="high", warm_start="none"),
        Settings(quality="high", losses="gatys"),
        Settings(quality="high", style_layers=(("relu1_1", 1.0),)),
        Settings(warm_start="compact"),  # it is the encoder already
    ):
        assert not settings.is_warm_started
    with pytest.raises(SettingsError, match="warm_start"):
        Settings.from_dict({"warm_start": "vgg19"})
