"""While the targets of a scale are computed: sizes, memory, tiles, reports, and how to go on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.errors import MemoryLimitError
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style, make_targets, stylize_batch
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.request import MOST_STYLE_PIXELS
from stylecli.transfer.results import Preparation
from stylecli.transfer.run import scale_plans
from stylecli.transfer.stylization import prepare_run

FP32 = Compute(device="cpu", precision="fp32")
SETTINGS = Settings(iterations=6)


class Stop(Exception):
    pass


@pytest.mark.parametrize("scale", [0.5, 1.0, 16.0])
def test_a_style_s_pixels_are_bounded(scale: float) -> None:
    square, long = (Style(torch.zeros(3, *size), scale=scale) for size in ((90, 90), (9, 90)))
    height, width = square.size_beside((20, 16500))
    assert height == width
    bound = MOST_STYLE_PIXELS * 20 * 16500 * scale**2
    assert 0.98 * bound < height * width <= bound
    assert square.size_beside((300, 1200)) == (round(1200 * scale),) * 2  # a panorama of 4:1
    assert long.size_beside((30, 1000)) == (round(100 * scale), round(1000 * scale))


def test_a_plan_counts_a_large_style_and_the_pictures(compact: Encoder) -> None:
    def planned(scale: float, side: int, memory: str = "100G") -> Any:
        styles = [Style(torch.zeros(3, side, side), scale=scale)]
        request = Request(torch.zeros(3, 48, 64), styles, Settings(size=128))
        compute = Compute(device="cpu", precision="fp32", max_memory=memory)
        run = prepare_run([request], make_targets(compact, request.settings, compute), compute)
        return next(scale_plans(run, run.scales[-1])), run.style_work(run.scales[-1])

    (base, work), (kept, _), (large, large_work) = map(planned, (1.0, 1.0, 16.0), (64, 1064, 64))
    assert kept.predicted_bytes - base.predicted_bytes == 12 * (1064**2 - 64**2)
    assert large.predicted_bytes > base.predicted_bytes + 12 * 2048**2
    assert (base.style_tile, large.style_tile) == (None, 1024)
    assert large_work == pytest.approx(256 * work, rel=0.01)
    with pytest.raises(MemoryLimitError, match="128x96 .* style .* 2048x2048 .* --style-scale"):
        planned(16.0, 64, "1100M")
    with pytest.raises(MemoryLimitError, match="pictures take .* fewer or smaller"):
        planned(1.0, 6000, "1200M")


def test_a_style_in_tiles_has_the_same_gram_matrices(build: Callable[..., Encoder]) -> None:
    encoder = build()
    targets = Targets(encoder, SETTINGS, dtype=torch.float64, device=torch.device("cpu"))
    request = Request(torch.rand(3, 48, 64), [Style(torch.rand(3, 70, 90), scale=4.0)], SETTINGS)
    pixels: list[int] = []
    whole = targets.objective([request], (48, 64))
    tiled = targets.objective([request], (48, 64), None, StyleTiling(64, pixels.append))
    assert len(pixels) > 12 and max(pixels) <= 64**2
    for one, other in zip(whole.octaves, tiled.octaves, strict=True):
        for name, target in one.regions[0].grams.items():
            torch.testing.assert_close(other.regions[0].grams[name].value, target.value)


@pytest.mark.usefixtures("small_scales")
def test_stopped_while_targets_are_computed(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    """The run goes on from the scale before with the same bits, and none of it is lost."""
    requests = [Request(content, [Style(style, scale=2.0)], SETTINGS)]
    reports: list[Preparation] = []

    def stop(report: Preparation) -> None:
        reports.append(report)
        if report.scale == 2:
            raise Stop

    def run(**keywords: Any) -> torch.Tensor:
        return stylize_batch(requests, compute=FP32, encoder=compact, **keywords)[0].image

    expected = run()
    with pytest.raises(Stop):
        run(on_preparation=stop)
    assert [report.scale for report in reports][-1] == 2
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions) and 0.0 < fractions[0] < fractions[-1] < 1.0
    scales: set[int] = set()
    resumed = run(
        resume=reports[-1].state(), on_progress=lambda progress: scales.add(progress.scale)
    )
    assert torch.equal(resumed, expected) and min(scales) == 2


@pytest.mark.usefixtures("small_scales")
def test_a_scale_that_will_not_fit_is_known_before_the_first(
    compact: Encoder, content: torch.Tensor, style: torch.Tensor
) -> None:
    requests = [Request(content, [Style(style)], Settings(size=3000))]
    with pytest.raises(MemoryLimitError, match="3000x2250 pixels"):
        stylize_batch(
            requests,
            compute=Compute(device="cpu", max_memory="1G"),
            encoder=compact,
            on_progress=lambda _: pytest.fail("began"),
        )
