"""Run one job: read the pictures, stylise, write the picture with its recipe inside."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from stylecli import encoder as encoders
from stylecli import images, transfer
from stylecli.errors import OutputError
from stylecli.files import reason
from stylecli.images.picture import Picture
from stylecli.jobs.checks import check_job, target_of
from stylecli.jobs.job import STREAM, Job
from stylecli.jobs.memory import memory_guard
from stylecli.jobs.recipe import Ingredient, Recipe, finite
from stylecli.transfer.progress import ProgressCallback, Result

MessageCallback = Callable[[str], None]


@dataclass(frozen=True)
class JobResult:
    """A picture that has been written; `recipe` is what its metadata holds.

    `notes` are sentences for the user, from reading the pictures and from the run.
    """

    output: Path
    result: Result
    recipe: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Inputs:
    content: Picture
    styles: tuple[Picture, ...]
    init: Picture | None
    notes: tuple[str, ...]


def run_job(
    job: Job,
    *,
    on_progress: ProgressCallback | None = None,
    on_message: MessageCallback | None = None,
    on_download: Callable[[int, int], None] | None = None,
) -> JobResult:
    """Make one picture from files to a file; nothing is written unless all of it is.

    `on_message` hears a short line before each step that may take a while, `on_download` the
    bytes done and in all while encoder weights are fetched. Raises `InputError`, `OutputError`,
    `WeightsError`, `UsageError` or `MemoryLimitError`.
    """
    say = on_message or _unheard
    check_job(job)
    say("Reading the pictures")
    inputs = _read_inputs(job)
    encoder = _load_encoder(job, say, on_download)
    say("Stylising")
    result = _stylise(job, inputs, encoder, on_progress)
    recipe = _recipe(job, inputs, result)
    written = _write(job, inputs.content, result, recipe)
    notes = (*inputs.notes, *result.notes, *(f"{job.output.name}: {note}" for note in written))
    return JobResult(job.output, result, recipe.to_dict(), notes)


def plan_job(
    job: Job,
    *,
    on_message: MessageCallback | None = None,
    on_download: Callable[[int, int], None] | None = None,
) -> transfer.Plan:
    """What `run_job` would do on this machine; raises as it does, and writes nothing."""
    say = on_message or _unheard
    check_job(job)
    content = _read(job.content)
    encoder = _load_encoder(job, say, on_download)
    size = (content.height, content.width)
    return transfer.plan_run(size, job.settings, job.compute, encoder)


def _load_encoder(
    job: Job, say: MessageCallback, on_download: Callable[[int, int], None] | None
) -> encoders.Encoder:
    say(f"Loading encoder {job.settings.encoder}")
    return encoders.load_encoder(
        job.settings.encoder,
        pooling=job.settings.pooling,
        padding=job.settings.padding,
        on_download=on_download,
        on_message=say,
    )


def _read_inputs(job: Job) -> _Inputs:
    content, *styles = (_read(path) for path in (job.content, *job.styles))
    init = None if job.init_path is None else images.read_picture(job.init_path)
    named = [*zip((job.content, *job.styles), (content, *styles), strict=True)]
    if job.init_path and init:
        named.append((job.init_path, init))
    notes = dict.fromkeys(
        f"{_name_of(path)}: {note}" for path, picture in named for note in picture.notes
    )
    return _Inputs(content, tuple(styles), init, tuple(notes))


def _read(path: Path) -> Picture:
    if path == STREAM:
        return images.read_picture(sys.stdin.buffer, name=_name_of(path))
    return images.read_picture(path)


def _name_of(path: Path) -> str:
    return "standard input" if path == STREAM else path.name


def _stylise(
    job: Job, inputs: _Inputs, encoder: encoders.Encoder, on_progress: ProgressCallback | None
) -> Result:
    with memory_guard(inputs.content.pixels.shape, job.settings):
        return transfer.stylize(
            inputs.content.pixels,
            [style.pixels for style in inputs.styles],
            settings=job.settings,
            compute=job.compute,
            encoder=encoder,
            init_image=None if inputs.init is None else inputs.init.pixels,
            on_progress=on_progress,
        )


def _recipe(job: Job, inputs: _Inputs, result: Result) -> Recipe:
    height, width = result.image.shape[-2:]
    init = job.init_path
    return Recipe(
        settings=job.settings,
        content=_ingredient(job.content, inputs.content),
        styles=tuple(map(_ingredient, job.styles, inputs.styles)),
        encoder=Ingredient(Path(job.settings.encoder).name, result.encoder_sha256),
        init=_ingredient(init, inputs.init) if init and inputs.init else None,
        size=(int(width), int(height)),
        iterations=result.iterations,
        losses={name: finite(value) for name, value in asdict(result.losses).items()},
        pyramid=tuple((finite(content), finite(style)) for content, style in result.pyramid),
        device=result.device,
        precision=result.precision,
        torch=str(torch.__version__),
    )


def _ingredient(path: Path, picture: Picture) -> Ingredient:
    return Ingredient(path.name, picture.meta.sha256)


def _write(job: Job, content: Picture, result: Result, recipe: Recipe) -> tuple[str, ...]:
    """Returns notes on what the format could not hold."""
    stream = sys.stdout.buffer if job.output == STREAM else None
    notes = images.write_picture(
        stream or target_of(job.output),
        result.image,
        alpha=_alpha_for(content, result.image),
        meta=content.meta,
        options=job.output_options,
        recipe=recipe.to_json(),
    )
    if stream is not None:
        _flush(stream)
    return notes


def _flush(stream: BinaryIO) -> None:
    """Here, not at the end of the program, since it may fail."""
    try:
        stream.flush()
    except OSError as error:
        raise OutputError(f"cannot write standard output: {reason(error)}.") from error


def _alpha_for(content: Picture, image: torch.Tensor) -> torch.Tensor | None:
    """The content's alpha (1, H, W), resized where the output (3, H, W) has another size."""
    alpha = content.alpha
    if alpha is None or alpha.shape[-2:] == image.shape[-2:]:
        return alpha
    size = (int(image.shape[-2]), int(image.shape[-1]))
    resized = torch.nn.functional.interpolate(
        alpha[None], size=size, mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].clamp(0, 1)


def _unheard(_: str) -> None:
    """Nobody listens."""
