"""Coarse-to-fine optimization of B pictures of one size, which can be resumed."""

from dataclasses import dataclass
from typing import Final

import torch

from stylecli.errors import InputError, MemoryLimitError, is_out_of_memory
from stylecli.settings import MAX_SIZE, Settings
from stylecli.transfer.compute.cuda_graph import GraphReplay
from stylecli.transfer.compute.malloc import release_free_memory
from stylecli.transfer.memory_plan import HISTORY, ScalePlan
from stylecli.transfer.objective.objective import Objective
from stylecli.transfer.objective.temporal_loss import TemporalTerm
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.optim.adam import DEFAULT_RATE, Adam
from stylecli.transfer.optim.lbfgs import LBFGS
from stylecli.transfer.optim.loop import Descent, Evaluate, MaskedOptimizer, Optimizer, Terms
from stylecli.transfer.optim.preconditioner import apply_preconditioner
from stylecli.transfer.reporting import State, preparation_reporter, progress_reporter
from stylecli.transfer.request import Request
from stylecli.transfer.resample import Size, resize, resize_mask
from stylecli.transfer.run import Run, scale_plans
from stylecli.transfer.schedule import Scale

NOISE: Final = 0.05  # standard deviation around mid gray: full-range noise costs iterations


@dataclass(frozen=True)
class Finished:
    """Best images (B, 3, H, W) of a run, their terms (4, B), recoveries from divergence (B,)."""

    image: torch.Tensor
    terms: torch.Tensor
    recoveries: torch.Tensor


def run_coarse_to_fine(run: Run, resume: State | None = None) -> Finished:
    """Optimize at all scales, or at those that a `resume` state has not finished.

    Raises `InputError` where no finite loss was seen, `MemoryLimitError` where no plan fits.
    """
    first = 0 if resume is None else int(resume["scale"])
    recoveries = torch.zeros(len(run.requests), dtype=torch.int64, device=run.device)
    image: torch.Tensor | None = None
    if resume is None:
        next(scale_plans(run, run.scales[-1]))  # known now, not after the smaller scales
        image = _start(run)
    else:
        recoveries = resume["recoveries"].to(run.device)
        if not resume["iteration"]:  # stopped while targets were computed
            image, resume = resume["descent"]["image"].to(run.device), None
    for index in range(first, len(run.scales)):
        descent = _one_scale(run, index, image, recoveries, resume if index == first else None)
        image, terms = descent.best_image, descent.best
        recoveries = recoveries + descent.recoveries
        del descent  # with its history, before the next scale asks for more
        release_free_memory()
    if image is None or not bool(torch.isfinite(terms[0]).all()):
        raise InputError(
            "the losses are not finite: the weights are too large for float32; "
            "use smaller --alpha, --beta or --tv."
        )
    return Finished(run.keep_content(image), terms, recoveries)


def _one_scale(
    run: Run,
    index: int,
    image: torch.Tensor | None,
    recoveries: torch.Tensor,
    resume: State | None,
) -> Descent:
    """Optimize at one scale with the fastest plan that memory turns out to allow."""
    scale = run.scales[index]
    offered = scale_plans(run, scale) if resume is None else iter([_plan_of(resume, scale)])
    for plan in offered:
        try:
            return _descend(run, index, image, plan, recoveries, resume)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise  # anything else; a reference to this one would keep its tensors alive
        release_free_memory()
    raise MemoryLimitError(
        f"memory ran out at {scale.size[1]}x{scale.size[0]} pixels with every plan: "
        f"use --size {max(scale.size) // 2}, or close other programs."
    )


def _descend(
    run: Run,
    index: int,
    image: torch.Tensor | None,
    plan: ScalePlan,
    recoveries: torch.Tensor,
    resume: State | None,
) -> Descent:
    scale = run.scales[index]
    tiling = StyleTiling(
        plan.style_tile, preparation_reporter(run, index, image, recoveries, resume)
    )
    is_last = scale.size == run.scales[-1].size
    targets = run.targets_at(scale)
    objective = targets.objective(run.requests, scale.size, plan.tile, tiling, is_last=is_last)
    objective.temporal = [TemporalTerm(one, scale.size) for one in run.requests[0].temporal]
    done = 0
    if resume is None:
        assert image is not None
        grows = index > 0 and scale.size != run.scales[index - 1].size
        start = run.keep_content(_enlarge(run, image, scale.size) if grows else image)
    else:
        start, done = resume["descent"]["image"].to(run.device), int(resume["iteration"])
    release_free_memory()  # what preparing all this took
    descent = Descent(start, *_free_parts(run, objective, scale.size, plan.history))
    del start
    if resume is not None:
        descent.load_state_dict(resume["descent"])
    report = progress_reporter(run, index, descent, plan, recoveries)
    iterate = GraphReplay(descent.iterate, run.device, captures=run.capture)
    for iteration in range(done + 1, scale.iterations + 1):
        if iteration < scale.iterations:
            iterate()
        else:
            descent.iterate(step=False)
        report(iteration)
        if plan.tile is not None:  # what the step took: see `Objective`
            release_free_memory()
    if iterate.failure is not None:
        run.notes[f"No CUDA graph, so iterations take longer: {iterate.failure}."] = None
    return descent


def _enlarge(run: Run, image: torch.Tensor, size: Size) -> torch.Tensor:
    """Images upsampled to the next scale, with the contents' detail that they could not hold.

    G ← up(G) + C − up(down(C)): the content's band of a Laplacian pyramid (Burt & Adelson 1983).
    Plain upsampling leaves the optimizer to invent that detail; measured at 512 px, J ends 6 %
    lower for the same iterations. A picture without a content loss gets none. In a continuation
    the detail is that of the image it goes on from.
    """
    before: Size = (image.shape[-2], image.shape[-1])
    starts = list(torch.split(resize(image, size), 1))
    for index, request in enumerate(run.requests):
        detail: torch.Tensor | None = None
        if request.continuation is not None and request.init is not None:
            start = request.init[None]
            detail = resize(start, size) - resize(resize(start, before), size)
        elif request.settings.loss_weights()[0] > 0.0:  # α
            detail = request.content_at(size) - resize(request.content_at(before), size)
        if detail is not None:
            starts[index] = (starts[index] + detail).clamp_(0.0, 1.0)
    return torch.cat(starts)


def _free_parts(
    run: Run, objective: Objective, size: Size, history: int
) -> tuple[Evaluate, Optimizer]:
    """Objective and optimizer, masked where the content has to stay."""
    optimizer = make_optimizer(run.requests[0].settings, history)
    mask = run.requests[0].free
    if mask is None:
        return objective, optimizer
    free = resize_mask(mask[None], size)

    def evaluate(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        terms, gradient = objective(image)
        return terms, gradient * free

    return evaluate, MaskedOptimizer(optimizer, free == 0.0)


def make_optimizer(settings: Settings, history: int) -> Optimizer:
    """A new optimizer, L-BFGS or Adam, for one scale."""
    if settings.optimizer == "adam":
        return Adam(settings.learning_rate or DEFAULT_RATE)
    return LBFGS(apply_preconditioner, history, step_scale=settings.learning_rate or 1.0)


def _start(run: Run) -> torch.Tensor:
    """The first images, at the first scale."""
    size = run.scales[0].size
    return torch.cat([_start_of(request, size) for request in run.requests])


def _start_of(request: Request, size: Size) -> torch.Tensor:
    """Noise, the content, or another picture, (1, 3, H, W)."""
    settings, device = request.settings, request.content.device
    if request.init is not None:
        return resize(request.init[None], size).clamp(0.0, 1.0)
    if settings.init == "content":
        return request.content_at(size).clamp(0.0, 1.0)
    if settings.init != "random":
        raise InputError(f"init {settings.init!r} names a picture, but none was given.")
    generator = torch.Generator().manual_seed(settings.seed)  # the CPU's: same on all devices
    noise = torch.randn((1, 3, *size), generator=generator, dtype=torch.float32)
    noise = (0.5 + NOISE * noise).clamp_(0.0, 1.0).to(device)
    visible = request.visible_at(size)  # what is not seen has no loss, and stays as it starts
    return noise if visible is None else torch.lerp(request.content_at(size), noise, visible)


def _plan_of(resume: State, scale: Scale) -> ScalePlan:
    plan = resume["plan"]
    style_tile = plan.get("style_tile", plan["tile"])  # earlier versions had one for both
    history = plan["history"]
    if type(history) is not int or not 1 <= history <= HISTORY:
        raise ValueError(f"no plan has a history of {history!r}")
    for tile in (plan["tile"], style_tile):
        if tile is not None and (type(tile) is not int or not 64 <= tile <= MAX_SIZE):
            raise ValueError(f"no plan has tiles of {tile!r}")
    return ScalePlan(scale.size, history, plan["tile"], 0, style_tile)
