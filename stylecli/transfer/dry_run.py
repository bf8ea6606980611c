"""What a run would do, without doing it: sizes, iterations, tiles, memory and time."""

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
from stylecli.transfer.request import Part, Source, Subject
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
    """What a run would do on this machine."""

    device: str
    precision: str
    scales: tuple[PlannedScale, ...]


def plan_run(content: Size, settings: Settings, compute: Compute, encoder: Encoder) -> RunPlan:
    """The plan for a content of (height, width); measures one small iteration.

    Raises `MemoryLimitError` where no plan fits, `InputError` where the picture is too small.
    """
    targets = make_targets(encoder, settings, compute)
    trunk = targets.trunk
    size = output_size(content, settings)
    check_smallest_size(size, targets.size_needed, "the output")
    pixel_seconds = _seconds_per_pixel(targets, settings)
    scales = []
    for scale in make_schedule(size, settings, targets.size_needed):
        limit = memory_limit(trunk.device, compute.max_bytes)
        adam = settings.optimizer == "adam"
        offered = plans(trunk, scale.size, tile=compute.tile_side, limit=limit, adam=adam)
        scales.append(_planned(scale, next(offered), pixel_seconds, halo(trunk.steps)))
    return RunPlan(str(trunk.device), precision_name(trunk.dtype), tuple(scales))


def _planned(scale: Scale, plan: ScalePlan, pixel_seconds: float, margin: int) -> PlannedScale:
    height, width = scale.size
    seconds = scale.work * pixel_seconds
    if plan.tile is not None and max(scale.size) > plan.tile:
        seconds *= 0.9 * (1.0 + 2.0 * margin / plan.tile) ** 2  # measured, see CANDIDATES
    return PlannedScale(
        width, height, scale.iterations, plan.tile, plan.history, plan.predicted_bytes, seconds
    )


def _seconds_per_pixel(targets: Targets, settings: Settings) -> float:
    """The time of an iteration, measured at a small size after a first one to warm up."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, 3, *PROBE), generator=generator).to(targets.trunk.device)
    subject = Subject(image, (Part((Source(image),)),), targets.weights)
    objective = targets.objective([subject], PROBE)
    optimizer = make_optimizer(settings, HISTORY)
    started = 0.0
    for attempt in range(3):
        if attempt == 1:
            started = time.perf_counter()
        _, gradient = objective(image)
        image = optimizer.step(image, gradient)
        float(image.sum())  # waits for the device
    return (time.perf_counter() - started) / 2 / (PROBE[0] * PROBE[1] + OVERHEAD)
