"""Style transfer: tensors in, tensors out."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError
from stylecli.settings import WARM_START_ENCODER, Compute, Settings
from stylecli.transfer.coarse_to_fine import Finished, run_coarse_to_fine
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.transfer.compute.device import precision_name, resolve
from stylecli.transfer.compute.malloc import tuned_malloc
from stylecli.transfer.evaluation import pyramid_of
from stylecli.transfer.objective.targets import Targets, check_smallest_size
from stylecli.transfer.request import Copies, Request, Style
from stylecli.transfer.resample import Size
from stylecli.transfer.results import Losses, PreparationCallback, ProgressCallback, Result
from stylecli.transfer.run import Run
from stylecli.transfer.schedule import continued, make_schedule, output_size


def stylize(
    content: torch.Tensor,
    styles: torch.Tensor | Style | Sequence[torch.Tensor | Style],
    *,
    settings: Settings | None = None,
    compute: Compute | None = None,
    encoder: Encoder | None = None,
    init_image: torch.Tensor | None = None,
    on_progress: ProgressCallback | None = None,
) -> Result:
    """Style transfer: `content` in the style of `styles`.

    Pictures are (3, H, W) in [0, 1]; several styles are blended, in equal parts unless they are
    `Style`s with weights. Without `encoder` the one that the settings name is loaded.
    `init_image` replaces the start that `settings.init` names. On the CPU the same inputs give
    the same bits, as long as the same plan (tiles, history) fits into memory.

    Raises `InputError` for a picture of the wrong form or too small, `UsageError` for an
    unknown layer or device, `WeightsError` when the encoder cannot be loaded.
    """
    listed = [styles] if isinstance(styles, torch.Tensor | Style) else styles
    wrapped = [style if isinstance(style, Style) else Style(style) for style in listed]
    request = Request(content, wrapped, settings or Settings(), init_image)
    return stylize_batch([request], compute=compute, encoder=encoder, on_progress=on_progress)[0]


@standard_state()
def stylize_batch(
    requests: Sequence[Request],
    *,
    compute: Compute | None = None,
    encoder: Encoder | None = None,
    targets: Targets | None = None,
    warm_targets: Targets | None = None,
    on_progress: ProgressCallback | None = None,
    on_preparation: PreparationCallback | None = None,
    resume: dict[str, Any] | None = None,
    capture: bool = True,
) -> list[Result]:
    """Style transfer of a batch of pictures of one size: see `Request.can_batch_with`.

    `targets` of an earlier call with the same encoder and settings spare the work of preparing
    them, and have its styles cached, `warm_targets` those of a warm start.
    `resume` is a state by `Progress.state` of a run of the same requests. Without `capture` no
    CUDA graph is used. Raises as `stylize` does.
    """
    started = time.perf_counter()
    compute, settings = compute or Compute(), requests[0].settings
    if encoder is None:
        encoder = load_for(settings, settings.encoder_name)
    targets = targets or make_targets(encoder, settings, compute)
    run = replace(
        prepare_run(requests, targets, compute, warm_targets),
        on_progress=on_progress,
        on_preparation=on_preparation,
        capture=capture,
    )
    with tuned_malloc():
        finished = run_coarse_to_fine(run, resume)
        pyramids = [
            ()  # a frame that follows is shown no losses, which would take a tenth of its time
            if request.continuation is not None
            else pyramid_of(targets, request, finished.image[index : index + 1], compute)
            for index, request in enumerate(run.requests)
        ]
    seconds = time.perf_counter() - started
    return [
        _result(run, finished, index, pyramid, encoder, seconds)
        for index, pyramid in enumerate(pyramids)
    ]


def load_for(settings: Settings, name: str) -> Encoder:
    """An encoder with the pooling and padding of the settings. Raises `WeightsError`."""
    return load_encoder(name, pooling=settings.pooling, padding=settings.padding)


def make_targets(encoder: Encoder, settings: Settings, compute: Compute) -> Targets:
    """Targets on a device and in a precision, for any number of runs."""
    device, dtype = resolve(compute)
    return Targets(encoder, settings, dtype=dtype, device=device)


def prepare_run(
    requests: Sequence[Request],
    targets: Targets,
    compute: Compute,
    warm_targets: Targets | None = None,
) -> Run:
    """A run on the targets' device, its inputs checked. Raises `InputError`.

    The encoder of a warm start is loaded where its targets are not given.
    """
    copies: Copies = {}
    ready = tuple(request.to(targets.extractor.device, copies) for request in requests)
    sizes = {output_size(_size(request.content), request.settings) for request in ready}
    if len(sizes) > 1:
        raise InputError("pictures made together must have one size.")
    size = sizes.pop()
    check_smallest_size(size, targets.size_needed, "the output")
    settings = requests[0].settings
    scales = make_schedule(size, settings, targets.size_needed)
    continuation = requests[0].continuation
    if continuation is not None:
        scales = continued(scales, continuation.scales, continuation.share)
    if warm_targets is None and any(scale.is_warm_start for scale in scales):
        warm_targets = make_targets(load_for(settings, WARM_START_ENCODER), settings, compute)
    return Run(ready, targets, scales, compute, warm_targets)


def _result(
    run: Run,
    finished: Finished,
    index: int,
    pyramid: tuple[tuple[float, float], ...],
    encoder: Encoder,
    seconds: float,
) -> Result:
    recoveries = int(finished.recoveries[index])
    note = f"The optimizer diverged {recoveries} time(s) and went on from its best image."
    return Result(
        image=finished.image[index].float().cpu().clone(),
        losses=Losses(*finished.terms[:, index].tolist()),
        pyramid=pyramid,
        settings=run.requests[index].settings,
        encoder_sha256=encoder.sha256,
        device=str(run.device),
        precision=precision_name(run.targets.extractor.dtype),
        iterations=sum(scale.iterations for scale in run.scales),
        seconds=seconds / len(run.requests),
        notes=(*([note] if recoveries else []), *run.notes),
    )


def _size(picture: torch.Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]
