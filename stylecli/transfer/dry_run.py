"""Dry run: the scales, iterations, tiles, memory and time of a run, without running it."""

import time
from dataclasses import dataclass

import torch

from stylecli.encoder import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.compute.device import precision_name
from stylecli.transfer.memory_plan import HISTORY, ScalePlan, memory_limit, plans
from stylecli.transfer.objective.targets import Targets, check_smallest_size
from stylecli.transfer.objective.tiles import halo
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import Size
from stylecli.transfer.schedule import OVERHEAD, Scale, make_schedule, output_size
from stylecli.transfer.stylization import make_targets

PROBE: Size = (192, 256)


@dataclass(frozen=True)
class PlannedScale:
    """One scale of a plan; `seconds` is extrapolated from one small iteration, ± a third."""

    width: int
    height: int
    iterations: int
    tile: int | None
    history: int
    predicted_bytes: int
    seconds: float


@dataclass(frozen=True)
class RunPlan:
    """A dry run's result for this machine."""

    device: str
    precision: str
    scales: tuple[PlannedScale, ...]


def plan_run(content: Size, settings: Settings, compute: Compute, encoder: Encoder) -> RunPlan:
    """The plan for a content of (height, width); measures one small iteration.

    Raises `MemoryLimitError` where no plan fits, `InputError` where the picture is too small.
    """
    targets = make_targets(encoder, settings, compute)
    extractor = targets.extractor
    size = output_size(content, settings)
    check_smallest_size(size, targets.size_needed, "the output")
    pixel_seconds = _seconds_per_pixel(targets, settings)
    scales = []
    for scale in make_schedule(size, settings, targets.size_needed):
        limit = memory_limit(extractor.device, compute.max_bytes)
        adam = settings.optimizer == "adam"
        offered = plans(extractor, scale.size, tile=compute.tile_side, limit=limit, adam=adam)
        scales.append(_planned(scale, next(offered), pixel_seconds, halo(extractor.steps)))
    return RunPlan(str(extractor.device), precision_name(extractor.dtype), tuple(scales))


def _planned(scale: Scale, plan: ScalePlan, pixel_seconds: float, margin: int) -> PlannedScale:
    height, width = scale.size
    seconds = scale.work * pixel_seconds
    if plan.tile is not None and max(scale.size) > plan.tile:
        seconds *= 0.9 * (1.0 + 2.0 * margin / plan.tile) ** 2  # measured, see CANDIDATES
    return PlannedScale(
        width, height, scale.iterations, plan.tile, plan.history, plan.predicted_bytes, seconds
    )


def _seconds_per_pixel(targets: Targets, settings: Settings) -> float:
    """Seconds of an iteration for each pixel, measured at a small size after a warm-up."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, 3, *PROBE), generator=generator).to(targets.extractor.device)
    request = Request(image[0], [Style(image[0])], settings)
    objective = targets.objective([request], PROBE)
    optimizer = make_optimizer(settings, HISTORY)
    started = 0.0
    for attempt in range(3):
        if attempt == 1:
            started = time.perf_counter()
        _, gradient = objective(image)
        image = optimizer.step(image, gradient)
        float(image.sum())  # waits for the device
    return (time.perf_counter() - started) / 2 / (PROBE[0] * PROBE[1] + OVERHEAD)
