"""Dry run: the scales, iterations, tiles, memory and time of a run, without running it."""

import time
from dataclasses import dataclass

import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.transfer.compute.device import precision_name
from stylecli.transfer.memory_plan import HISTORY, ScalePlan
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import halo
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import Size
from stylecli.transfer.run import scale_plans
from stylecli.transfer.schedule import OVERHEAD, Scale
from stylecli.transfer.stylization import make_targets, prepare_run

PROBE: Size = (192, 256)
GPU_PROBE: Size = (768, 1024)  # a smaller picture measures how fast kernels are launched


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


@standard_state()
def plan_run(request: Request, compute: Compute, encoder: Encoder) -> RunPlan:
    """The plan for a request; measures one small iteration.

    Raises `MemoryLimitError` where no plan fits, `InputError` where the picture is too small.
    """
    targets = make_targets(encoder, request.settings, compute)
    extractor, run = targets.extractor, prepare_run([request], targets, compute)
    pixel_seconds = _seconds_per_pixel(targets, request.settings)
    scales = []
    for scale in run.scales:
        plan, margin = next(scale_plans(run, scale)), halo(extractor.steps)
        seconds = run.style_work(scale) * pixel_seconds
        scales.append(_planned(scale, plan, pixel_seconds, margin, seconds))
    return RunPlan(str(extractor.device), precision_name(extractor.dtype), tuple(scales))


def _planned(
    scale: Scale, plan: ScalePlan, pixel_seconds: float, margin: int, style_seconds: float
) -> PlannedScale:
    height, width = scale.size
    seconds = scale.work * pixel_seconds
    if plan.tile is not None and max(scale.size) > plan.tile:
        seconds *= 0.9 * (1.0 + 2.0 * margin / plan.tile) ** 2  # measured, see CANDIDATES
    return PlannedScale(
        width,
        height,
        scale.iterations,
        plan.tile,
        plan.history,
        plan.predicted_bytes,
        seconds + style_seconds,
    )


def _seconds_per_pixel(targets: Targets, settings: Settings) -> float:
    """Seconds of an iteration for each pixel, measured at a small size after a warm-up."""
    generator = torch.Generator().manual_seed(0)
    device = targets.extractor.device
    size = PROBE if device.type == "cpu" else GPU_PROBE
    image = torch.rand((1, 3, *size), generator=generator, dtype=torch.float32).to(device)
    request = Request(image[0], [Style(image[0])], settings)
    objective = targets.objective([request], size)
    optimizer = make_optimizer(settings, HISTORY)
    started = 0.0
    for attempt in range(3):
        if attempt == 1:
            started = time.perf_counter()
        _, gradient = objective(image)
        image = optimizer.step(image, gradient)
        float(image.sum())  # waits for the device
    return (time.perf_counter() - started) / 2 / (size[0] * size[1] + OVERHEAD)
