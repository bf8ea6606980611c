"""Style transfer of pictures in memory: the library's entry for notebooks, scripts and servers."""

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError
from stylecli.images.formats import OutputOptions
from stylecli.job import NAMED_STARTS, Job
from stylecli.pipeline.delivery import recipe_of
from stylecli.pipeline.session import Session
from stylecli.pipeline.sources import Source, SourceReader
from stylecli.provenance.recipe import Recipe
from stylecli.settings import (
    Color,
    Compute,
    LossKind,
    OptimizerName,
    Padding,
    Pooling,
    Precision,
    Quality,
    Settings,
    WarmStart,
)
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.transfer.results import ProgressCallback, Result


class SettingsKeywords(TypedDict, total=False):
    """Keywords for the fields of `Settings`, but those that a picture or an encoder stands for."""

    strength: float | None
    alpha: float | None
    beta: float | None
    tv: float
    chroma_tv: float
    losses: LossKind
    content_layers: LayerWeights | str | None
    style_layers: LayerWeights | str | None
    octaves: int | None
    pooling: Pooling
    padding: Padding
    size: int | None
    quality: Quality
    warm_start: WarmStart
    iterations: int | None
    optimizer: OptimizerName
    learning_rate: float | None
    seed: int
    style_weights: Sequence[float] | None
    style_scale: Sequence[float] | None
    style_size: int | None
    color: Color


class Stylizer:
    """Style transfer with the encoder, style pictures and their Gram matrices kept between calls.

    `encoder` is a name, a weights file, or an encoder loaded before; `None` the one that goes with
    `quality`. `max_memory` is as `Compute` has it. May be called from several threads, which then
    take turns. Raises `SettingsError`.
    """

    def __init__(
        self,
        encoder: str | Encoder | None = "compact",
        *,
        device: str = "auto",
        precision: Precision = "auto",
        max_memory: str | int | None = None,
    ) -> None:
        memory = None if max_memory is None else str(max_memory)
        self.compute = Compute(device=device, precision=precision, max_memory=memory)
        self._reader = SourceReader()
        self._session = Session(reader=self._reader)
        self._lock = threading.RLock()
        self._encoder = encoder

    def stylize(
        self,
        content: Source,
        styles: Source | Sequence[Source],
        settings: Settings | None = None,
        *,
        mask: Source | None = None,
        style_masks: Sequence[Source] = (),
        init: Source | None = None,
        on_progress: ProgressCallback | None = None,
        **keywords: Unpack[SettingsKeywords],
    ) -> Result:
        """Style transfer: `content` in the style of `styles`, by `settings` changed by keywords.

        A picture is a path, bytes, a stream, a Pillow image, a tensor (3, H, W) or an array
        (H, W, 3); tensors and arrays are sRGB, floating point in [0, 1] or uint8 in 0..255. `init`
        is "random", "content" or a picture. The result holds the picture as `.image`, (3, H, W)
        float32 in [0, 1], its alpha as `.alpha`, (1, H, W) or `None`, both as `.to_pil()`, and
        writes them by `.save`.

        Raises `SettingsError`, `UsageError`, `InputError`, `WeightsError` or `MemoryLimitError`.
        """
        listed = _listed(styles)
        parts = {f"mask of style {n}": one for n, one in enumerate(style_masks, 1)}
        sources = {
            "content": content,
            **{f"style {n}": style for n, style in enumerate(listed, 1)},
            **({} if init is None else {"init": init}),
            **({} if mask is None else {"mask": mask}),
            **parts,
        }
        paths = {name: _path(source, name) for name, source in sources.items()}
        with self._lock, standard_state():
            job = Job(
                content=paths["content"],
                styles=tuple(paths[f"style {n}"] for n in range(1, len(listed) + 1)),
                mask=paths.get("mask"),
                style_masks=tuple(paths[name] for name in parts),
                output=Path("picture.png"),
                settings=self._settings(settings, init, dict(keywords)),
                compute=self.compute,
            )
            self._reader.sources = {
                path: sources[name] for name, path in paths.items() if path == Path(name)
            }
            try:
                return self._make(job, on_progress)
            finally:
                self._reader.sources = {}

    def _make(self, job: Job, on_progress: ProgressCallback | None) -> Result:
        prepared = self._session.prepare(job)
        inputs = prepared.inputs
        (result,) = self._session.make([prepared], on_progress=on_progress)
        recipe = recipe_of(job, inputs, result)
        return replace(
            result,
            notes=(*inputs.notes, *result.notes),
            meta=inputs.content.meta,
            recipe=functools.partial(_recipe_text, recipe),
        )

    def _settings(
        self, settings: Settings | None, init: Source | None, keywords: dict[str, Any]
    ) -> Settings:
        """The settings of a call, with the encoder's own where one was given."""
        values = dict(keywords)
        if init is not None:
            named = isinstance(init, str | Path)
            values["init"] = str(init) if named else "init"
        encoder = self._encoder
        if isinstance(encoder, Encoder):
            self._session.use(encoder)
            frozen = {"pooling": encoder.pooling, "padding": encoder.padding}
            values |= {"encoder": encoder.spec.name, **frozen}
        elif encoder is not None:
            values["encoder"] = encoder
        return (settings or Settings()).changed(values)


def stylize(
    content: Source,
    style: Source | Sequence[Source],
    *,
    encoder: str | Encoder | None = None,
    mask: Source | None = None,
    style_masks: Sequence[Source] = (),
    init: Source = "random",
    device: str = "auto",
    precision: Precision = "auto",
    max_memory: str | int | None = None,
    on_progress: ProgressCallback | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Result:
    """Style transfer of one picture: see `Stylizer`, which is faster for more than one."""
    once = Stylizer(encoder, device=device, precision=precision, max_memory=max_memory)
    return once.stylize(
        content,
        style,
        mask=mask,
        style_masks=style_masks,
        init=init,
        on_progress=on_progress,
        **settings,
    )


def _recipe_text(recipe: Recipe, options: OutputOptions) -> str:
    """The recipe as a file with these options holds it."""
    return replace(recipe, output=options).to_json()


def _path(source: Source, name: str) -> Path:
    """The path of a source that is one, else its name."""
    named = name == "init" and isinstance(source, str) and source in NAMED_STARTS
    return Path(source) if isinstance(source, str | Path) and not named else Path(name)


def _listed(styles: Source | Sequence[Source]) -> Sequence[Source]:
    if isinstance(styles, list | tuple):
        if not styles:
            raise InputError("style is empty: give at least one picture.")
        return styles
    return [styles]  # type: ignore[list-item]  # mypy keeps Sequence[Source] here
