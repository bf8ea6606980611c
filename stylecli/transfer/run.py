"""A run: its requests, targets, scales and computing resources, and what each scale needs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import torch

from stylecli.settings import Compute
from stylecli.transfer.memory_model import InputMemory
from stylecli.transfer.memory_plan import ScalePlan, memory_limit, plans
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.request import Request, Style, tensor_bytes
from stylecli.transfer.results import PreparationCallback, ProgressCallback
from stylecli.transfer.schedule import Scale

# The Gram matrices of a style at all octaves, in iterations of a picture of as many pixels: forward
# passes alone, of 4/3 of the pixels.
STYLE_ITERATIONS: Final = 0.5


@dataclass(frozen=True)
class Run:
    """A coarse-to-fine optimization: all that is the same from the first scale to the last.

    `warm_targets` are those of the scales of a warm start. `notes` collects sentences for the
    user, each once.
    """

    requests: tuple[Request, ...]
    targets: Targets
    scales: tuple[Scale, ...]
    compute: Compute
    warm_targets: Targets | None = None
    on_progress: ProgressCallback | None = None
    on_preparation: PreparationCallback | None = None
    capture: bool = True  # of a CUDA graph
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def styles(self) -> tuple[Style, ...]:
        """The styles of all requests, each once."""
        styles = {id(style.picture): style for one in self.requests for style in one.styles}
        return tuple(styles.values())

    def targets_at(self, scale: Scale) -> Targets:
        """The targets of a scale, with the encoder that it is optimized through."""
        if not scale.is_warm_start:
            return self.targets
        assert self.warm_targets is not None
        return self.warm_targets

    def style_work(self, scale: Scale) -> int:
        """Work of computing the styles' targets, in the unit of `Scale.work`."""
        targets = self.targets_at(scale)
        sizes = [targets.style_size(style, scale.size) for style in self.styles]
        return round(STYLE_ITERATIONS * sum(height * width for height, width in sizes))

    def keep_content(self, image: torch.Tensor) -> torch.Tensor:
        """Images with the content where it has to stay."""
        return self.requests[0].keep_content(image)

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.targets.extractor.device


def scale_plans(run: Run, scale: Scale) -> Iterator[ScalePlan]:
    """The plans for a scale that fit into the memory there is, fastest first."""
    return plans(
        run.targets_at(scale).extractor,
        scale.size,
        tile=run.compute.tile_side,
        limit=memory_limit(run.device, run.compute.max_bytes),
        adam=run.requests[0].settings.optimizer == "adam",
        batch=len(run.requests),
        inputs=_input_memory(run, scale),
    )


def _input_memory(run: Run, scale: Scale) -> InputMemory:
    """The memory of the run's pictures, and its largest style at a scale."""
    targets = run.targets_at(scale)
    sizes = [targets.style_size(style, scale.size) for style in run.styles]
    return InputMemory(tensor_bytes(run.requests), max(sizes, key=math.prod))
