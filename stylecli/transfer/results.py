"""Progress reports of a run, and its result."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from PIL import Image

from stylecli.errors import OutputError
from stylecli.images.alpha import on_white
from stylecli.images.formats import OutputKeywords, OutputOptions
from stylecli.images.picture import Metadata, planes_of
from stylecli.images.writing import to_pil, write_picture
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.settings import Settings


@dataclass(frozen=True)
class Losses:
    """Losses: the objective and its parts, unweighted except for `total`.

    With relative losses `content` and `style` are dimensionless: 0 the same, about 1 unrelated.
    """

    total: float
    content: float
    style: float
    total_variation: float = 0.0


def _opaque(_: int = 0) -> None:
    """The alpha of a picture that has none."""


@dataclass(frozen=True)
class Progress:
    """Progress report after an iteration; scales and iterations count from 1.

    `fraction` in [0, 1] is the share of the whole work done, weighted by pixels, so that time
    left = elapsed · (1 − fraction) / fraction. `image()` gives the best picture so far as a
    (3, H, W) float32 tensor in [0, 1] on the CPU; it costs a copy, so ask for it rarely.
    `alpha()` gives its alpha (1, H, W), or `None` for an opaque picture.
    `state()` is all that a later run needs to go on from here, in plain tensors and numbers.
    Where several pictures are made together, `losses` are the first one's, `every` holds those
    of each, and `image(n)` and `alpha(n)` are the n-th picture's.
    """

    scale: int
    scales: int
    width: int
    height: int
    iteration: int
    iterations: int
    fraction: float
    losses: Losses
    image: Callable[..., torch.Tensor]
    every: tuple[Losses, ...] = ()
    state: Callable[[], dict[str, Any]] = dict
    alpha: Callable[..., torch.Tensor | None] = _opaque

    @property
    def is_last(self) -> bool:
        """Whether this is the last iteration of the last scale."""
        return self.scale == self.scales and self.iteration == self.iterations


@dataclass(frozen=True)
class Preparation:
    """Progress report while the targets of a scale are computed, after each tile of a style.

    `fraction` is the share of the whole run that is done, as in `Progress`, and `state()` all that
    a later run needs to go on from before this scale.
    """

    scale: int
    scales: int
    width: int
    height: int
    fraction: float
    state: Callable[[], dict[str, Any]]


ProgressCallback = Callable[[Progress], None]
PreparationCallback = Callable[[Preparation], None]
OnFraction = Callable[[float], None]  # the share of some work that is done, in [0, 1]


@dataclass(frozen=True)
class Result:
    """A finished picture, (3, H, W) float32 in [0, 1] on the CPU, and how it came about.

    `alpha` (1, H, W) is the content's, or `None` where the picture is opaque.
    `pyramid` holds content and style loss of the picture at full, half and quarter size,
    measured with the relative losses whatever the run was optimized for.
    `notes` are plain sentences a user should see, such as a recovery from divergence.
    `meta` and `recipe` go into its file, where there are any.
    """

    image: torch.Tensor
    losses: Losses
    pyramid: tuple[tuple[float, float], ...]
    settings: Settings
    encoder_sha256: str
    device: str
    precision: str
    iterations: int
    seconds: float
    notes: tuple[str, ...] = ()
    meta: Metadata | None = None
    recipe: Callable[[OutputOptions], str] | None = None
    alpha: torch.Tensor | None = None

    @property
    def planes(self) -> torch.Tensor:
        """RGB as (3, H, W), or RGBA as (4, H, W) where some of it is not opaque."""
        return planes_of(self.image, self.alpha)

    def to_pil(self) -> Image.Image:
        """The picture as an 8-bit Pillow image, RGB, or RGBA where it has alpha."""
        return to_pil(self.image, self.alpha)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        force: bool = False,
        **options: Unpack[OutputKeywords],
    ) -> tuple[str, ...]:
        """Write the picture as the command line does, in the format of the suffix.

        `options` are those of `OutputOptions`: `quality`, `bits`, `keep_alpha`. Returns notes on
        what the format could not hold. Raises `OutputError`, also for a file that is there
        already, unless `force` is given.
        """
        if os.path.exists(path) and not force:
            raise OutputError(f"{escaped(path)} exists already: add force=True to replace it.")
        chosen = OutputOptions(**options)
        image, alpha = self.image, self.alpha
        if alpha is not None and not chosen.keep_alpha:
            image, alpha = on_white(image, alpha), None
        return write_picture(
            os.fspath(path),
            image,
            alpha=alpha,
            meta=self.meta,
            options=chosen,
            recipe=None if self.recipe is None else self.recipe(chosen),
            guard=OutputGuard(replace=force),
        )

    def _repr_png_(self) -> bytes:
        """The picture as PNG, for notebooks."""
        stream = io.BytesIO()
        self.to_pil().save(stream, "PNG")
        return stream.getvalue()
