"""The whole transfer: tensors in, tensor out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from stylecli.encoder import Encoder, load_encoder
from stylecli.errors import InputError, MemoryLimitError, is_out_of_memory
from stylecli.settings import Compute, Settings
from stylecli.transfer.allocator import memory_kept
from stylecli.transfer.adam import DEFAULT_RATE, Adam
from stylecli.transfer.device import precision_name, resolve
from stylecli.transfer.laplacian import metric
from stylecli.transfer.lbfgs import LBFGS
from stylecli.transfer.loop import Best, Optimizer, optimize
from stylecli.transfer.memory import ScalePlan, memory_limit, plans
from stylecli.transfer.objective import Terms
from stylecli.transfer.progress import Losses, Progress, ProgressCallback, Result
from stylecli.transfer.resample import Size, enlarge, fit, half, halve, resize
from stylecli.transfer.scales import Scale, output_size, schedule
from stylecli.transfer.targets import Targets, check_size

NOISE: Final = 0.05  # standard deviation around mid grey: full-range noise costs iterations
REPORTED_OCTAVES: Final = 3


@dataclass(frozen=True)
class _Run:
    """What stays the same from the first scale to the last."""

    settings: Settings
    targets: Targets
    content: torch.Tensor
    styles: tuple[torch.Tensor, ...]
    scales: tuple[Scale, ...]
    on_progress: ProgressCallback | None
    compute: Compute


def stylize(
    content: torch.Tensor,
    styles: torch.Tensor | Sequence[torch.Tensor],
    *,
    settings: Settings | None = None,
    compute: Compute | None = None,
    encoder: Encoder | None = None,
    init_image: torch.Tensor | None = None,
    on_progress: ProgressCallback | None = None,
) -> Result:
    """Paint `content` in the style of `styles`.

    Pictures are (3, H, W) in [0, 1]; several styles are blended in equal parts. Without
    `encoder` the one that the settings name is loaded. `init_image` replaces the start that
    `settings.init` names. On the CPU the same inputs give the same bits, as long as the same
    plan (tiles, history) fits into memory.

    Raises `InputError` for a picture of the wrong form or too small, `UsageError` for an
    unknown layer or device, `WeightsError` when the encoder cannot be loaded.
    """
    started = time.perf_counter()
    settings, compute = settings or Settings(), compute or Compute()
    device, dtype = resolve(compute)
    if encoder is None:
        encoder = load_encoder(settings.encoder, pooling=settings.pooling, padding=settings.padding)
    given = [styles] if isinstance(styles, torch.Tensor) else list(styles)
    if not given:
        raise InputError("no style picture was given: give at least one.")
    pictures = [_checked(p, device) for p in (content, *given)]
    size = output_size(_size(pictures[0]), settings)
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    check_size(size, targets.size_needed, "the output")
    scales = schedule(size, settings, targets.size_needed)
    styles = tuple(pictures[1:])
    run = _Run(settings, targets, pictures[0], styles, scales, on_progress, compute)
    with memory_kept():
        best, notes = _coarse_to_fine(run, _start(run, init_image, device))
        pyramid = _pyramid_losses(run, best.image)
    return Result(
        image=best.image[0].float().cpu().clone(),
        losses=_losses(best.terms),
        pyramid=pyramid,
        settings=settings,
        encoder_sha256=encoder.sha256,
        device=str(device),
        precision=precision_name(dtype),
        iterations=sum(scale.iterations for scale in scales),
        seconds=time.perf_counter() - started,
        notes=notes,
    )


def _coarse_to_fine(run: _Run, image: torch.Tensor) -> tuple[Best, tuple[str, ...]]:
    recoveries = 0
    for index in range(len(run.scales)):
        best = _one_scale(run, index, image)
        image = best.image
        recoveries += best.recoveries
    if not bool(torch.isfinite(best.terms.total).all()):
        raise InputError(
            "the losses are not finite: the weights are too large for float32; "
            "use smaller --alpha, --beta or --tv."
        )
    if not recoveries:
        return best, ()
    return best, (f"The optimiser diverged {recoveries} time(s) and went on from its best image.",)


def _one_scale(run: _Run, index: int, image: torch.Tensor) -> Best:
    """One scale with the fastest plan that memory turns out to allow."""
    scale = run.scales[index]
    for plan in scale_plans(run.targets, scale.size, run.settings, run.compute):
        try:
            return optimize(
                enlarge(image, scale.size),
                run.targets.objective(run.content, run.styles, scale.size, plan.tile),
                make_optimizer(run.settings, plan.history),
                scale.iterations,
                None if run.on_progress is None else _Reporter(run, index),
            )
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise  # anything else; holding on to this one would keep its tensors alive
    raise MemoryLimitError(
        f"memory ran out at {scale.size[1]}x{scale.size[0]} pixels with every plan: "
        f"use --size {max(scale.size) // 2}, or close other programs."
    )


def scale_plans(
    targets: Targets, size: Size, settings: Settings, compute: Compute
) -> Iterator[ScalePlan]:
    """The plans for a scale that fit into the memory there is, fastest first."""
    limit = memory_limit(targets.trunk.device, compute.max_bytes)
    adam = settings.optimizer == "adam"
    return plans(targets.trunk, size, tile=compute.tile_side, limit=limit, adam=adam)


def make_optimizer(settings: Settings, history: int) -> Optimizer:
    """The optimiser that the settings name, fresh for one scale."""
    if settings.optimizer == "adam":
        return Adam(settings.learning_rate or DEFAULT_RATE)
    return LBFGS(metric, history, step_scale=settings.learning_rate or 1.0)


class _Reporter:
    """Turns the loop's iterations at one scale into `Progress` for the caller."""

    def __init__(self, run: _Run, index: int) -> None:
        self.run, self.index = run, index
        self.total = sum(scale.work for scale in run.scales)
        self.before = sum(scale.work for scale in run.scales[:index])

    def __call__(self, iteration: int, terms: Terms, image: torch.Tensor) -> None:
        assert self.run.on_progress is not None
        scale = self.run.scales[self.index]
        done = self.before + scale.work * iteration / scale.iterations
        progress = Progress(
            scale=self.index + 1,
            scales=len(self.run.scales),
            width=scale.size[1],
            height=scale.size[0],
            iteration=iteration,
            iterations=scale.iterations,
            fraction=done / self.total,
            losses=_losses(terms),
            image=lambda: image[0].float().cpu().clone(),
        )
        self.run.on_progress(progress)


def _start(run: _Run, init_image: torch.Tensor | None, device: torch.device) -> torch.Tensor:
    """The first image, at the first scale: noise, the content, or a given picture."""
    size = run.scales[0].size
    if init_image is not None:
        return resize(_checked(init_image, device), size).clamp(0.0, 1.0)
    if run.settings.init == "content":
        return resize(run.content, size).clamp(0.0, 1.0)
    if run.settings.init != "random":
        raise InputError(f"init {run.settings.init!r} names a picture, but none was given.")
    generator = torch.Generator().manual_seed(run.settings.seed)  # the CPU's: same on all devices
    noise = torch.randn((1, 3, *size), generator=generator)
    return (0.5 + NOISE * noise).clamp_(0.0, 1.0).to(device)


def relative_pyramid(
    encoder: Encoder,
    content: torch.Tensor,
    style: torch.Tensor,
    image: torch.Tensor,
    compute: Compute | None = None,
) -> tuple[tuple[float, float], ...]:
    """Relative content and style loss of a picture at full, half and quarter size.

    Pictures are (1, 3, H, W) in [0, 1]; the encoder's own layers are compared.
    """
    device, dtype = resolve(compute or Compute())
    settings = Settings(encoder=encoder.spec.name)
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    run = _Run(settings, targets, content, (style,), (), None, compute or Compute())
    return _pyramid_losses(run, image)


def _pyramid_losses(run: _Run, image: torch.Tensor) -> tuple[tuple[float, float], ...]:
    """Relative content and style loss of the picture at full, half and quarter size."""
    # Losses alone: without weights nothing is propagated backward.
    w = run.targets.weights
    relative = replace(w, kind="relative", alpha=0.0, beta=0.0, tv=0.0, chroma_tv=0.0)
    content, size = resize(run.content, _size(image)), _size(image)
    styles = [resize(style, fit(_size(style), max(size))) for style in run.styles]
    found = []
    while len(found) < REPORTED_OCTAVES and min(size) >= run.targets.size_needed:
        try:
            plan = next(scale_plans(run.targets, size, run.settings, run.compute))
        except MemoryLimitError:
            break  # the picture is finished; a report is not worth losing it
        objective = run.targets.objective(content, styles, size, plan.tile)
        objective.weights = relative
        objective.octaves = (replace(objective.octaves[0], weight=1.0),)
        terms, _ = objective(image)
        found.append((float(terms.content), float(terms.style)))
        image, content, size = halve(image), halve(content), half(size)
        styles = [halve(style) for style in styles]
    return tuple(found)


def _checked(picture: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A (3, H, W) picture as (1, 3, H, W) float32 on the device."""
    if (
        picture.ndim != 3
        or picture.shape[0] != 3
        or not picture.is_floating_point()
        or not picture.numel()
    ):
        raise InputError(
            "a picture must be a float tensor of shape (3, H, W) in [0, 1], got "
            f"{tuple(picture.shape)} of {picture.dtype}."
        )
    if not bool(torch.isfinite(picture).all()):
        raise InputError("a picture contains NaN or infinite values.")
    return picture.detach().to(device, torch.float32).clamp(0.0, 1.0).unsqueeze(0)


def _size(picture: torch.Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]


def _losses(terms: Terms) -> Losses:
    return Losses(*(float(value) for value in terms))
