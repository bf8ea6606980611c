"""Progress reports of a run: while the targets of a scale are computed, and at each iteration."""

import time
from collections.abc import Callable
from typing import Any, Final

import torch

from stylecli.transfer.memory_plan import ScalePlan
from stylecli.transfer.optim.loop import Descent
from stylecli.transfer.results import Losses, Preparation, Progress
from stylecli.transfer.run import STYLE_ITERATIONS, Run

# Seconds between reports from a device that has to be waited for; a CPU reports every iteration.
REPORT_EVERY: Final = 0.1

State = dict[str, Any]


def preparation_reporter(
    run: Run,
    index: int,
    image: torch.Tensor | None,
    recoveries: torch.Tensor,
    resume: State | None,
) -> Callable[[int], None]:
    """A function that reports pixels of styles, while a scale's targets are computed."""
    scale, before, total = run.scales[index], _work_before(run, index), _work_before(run)
    work, done = run.style_work(scale), 0

    def state() -> State:
        if resume is not None:
            return resume
        assert image is not None
        descent = {"image": image.clone(), "best_image": image.clone()}
        return {"scale": index, "iteration": 0, "recoveries": recoveries, "descent": descent}

    def report(pixels: int) -> None:
        nonlocal done
        if run.on_preparation is None:
            return
        done += round(pixels * STYLE_ITERATIONS * 3 / 4)
        height, width = scale.size
        fraction = (before + min(done, work)) / total
        run.on_preparation(Preparation(index + 1, len(run.scales), width, height, fraction, state))

    return report


def progress_reporter(
    run: Run, index: int, descent: Descent, plan: ScalePlan, recoveries: torch.Tensor
) -> Callable[[int], None]:
    """A function that reports iterations at one scale to the progress callback."""
    scale = run.scales[index]
    total, before = _work_before(run), _work_before(run, index) + run.style_work(scale)
    last_report = 0.0

    def state(iteration: int) -> State:
        return {
            "scale": index,
            "iteration": iteration,
            "plan": {name: getattr(plan, name) for name in ("history", "tile", "style_tile")},
            "recoveries": recoveries.clone(),
            "descent": descent.state_dict(),
        }

    def report(iteration: int) -> None:
        nonlocal last_report
        now = time.monotonic()
        waits = run.device.type != "cpu" and now - last_report < REPORT_EVERY
        if run.on_progress is None or (waits and iteration < scale.iterations):
            return
        last_report = now
        values = descent.terms.T.tolist()
        run.on_progress(
            Progress(
                scale=index + 1,
                scales=len(run.scales),
                width=scale.size[1],
                height=scale.size[0],
                iteration=iteration,
                iterations=scale.iterations,
                fraction=(before + scale.work * iteration / scale.iterations) / total,
                losses=Losses(*values[0]),
                every=tuple(Losses(*terms) for terms in values),
                image=lambda picture=0: run.keep_content(descent.best_image)[picture].cpu().clone(),
                state=lambda: state(iteration),
            )
        )

    return report


def _work_before(run: Run, index: int | None = None) -> int:
    """Work of the scales before one, or of them all."""
    return sum(scale.work + run.style_work(scale) for scale in run.scales[:index])
