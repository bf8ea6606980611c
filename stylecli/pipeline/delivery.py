"""Delivery of a result: its recipe, and the picture written with the recipe inside."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import torch

from stylecli.errors import OutputError
from stylecli.file_names import spare_name
from stylecli.images import writing
from stylecli.images.discovery import STREAM
from stylecli.images.formats import format_of
from stylecli.images.picture import Metadata
from stylecli.job import Job
from stylecli.messages import reason
from stylecli.output_guard import follow_link
from stylecli.pipeline.inputs import Inputs
from stylecli.pipeline.preflight import guard_of
from stylecli.provenance.recipe import Ingredient, Recipe, finite, named_settings
from stylecli.transfer.results import Result


def recipe_of(job: Job, inputs: Inputs, result: Result) -> Recipe:
    """The recipe of a result: settings, hashes of the inputs, losses."""
    height, width = result.image.shape[-2:]

    def ingredient(path: Path) -> Ingredient:
        return Ingredient(path.name, inputs.hashes[path])

    return Recipe(
        settings=named_settings(job),
        content=ingredient(job.content),
        styles=tuple(map(ingredient, job.styles)),
        encoder=Ingredient(Path(job.settings.encoder_name).name, result.encoder_sha256),
        init=ingredient(job.init_path) if job.init_path else None,
        mask=ingredient(job.mask) if job.mask else None,
        style_masks=tuple(map(ingredient, job.style_masks)),
        output=job.output_options,
        size=(int(width), int(height)),
        iterations=result.iterations,
        losses={name: finite(value) for name, value in asdict(result.losses).items()},
        pyramid=tuple((finite(content), finite(style)) for content, style in result.pyramid),
        device=result.device,
        precision=result.precision,
        torch=str(torch.__version__),
    )


def write_result(job: Job, meta: Metadata, result: Result, recipe: Recipe) -> tuple[str, ...]:
    """Write a picture; returns notes on what the format could not hold."""
    stream = sys.stdout.buffer if job.output == STREAM else None
    kind = None if stream else format_of(job.output)  # a link's own suffix counts

    def write_to(target: Path | BinaryIO) -> tuple[str, ...]:
        return writing.write_picture(
            target,
            result.image,
            alpha=result.alpha,
            meta=meta,
            options=job.output_options,
            recipe=recipe.to_json(),
            kind=kind,
            guard=guard_of(job),
        )

    if stream is not None:
        notes = write_to(stream)
        _flush(stream)
        return notes
    target = follow_link(job.output)
    try:
        return write_to(target)
    except OutputError as error:
        raise _kept_elsewhere(error, target, write_to) from error


def _kept_elsewhere(
    error: OutputError, target: Path, write_to: Callable[[Path], object]
) -> OutputError:
    """The error for a finished picture whose name the system refused: kept under another one.

    Another program may have the file open (Windows), or the file system may not know such names.
    """
    cause = error.__cause__
    if not isinstance(cause, OSError) or isinstance(cause, FileExistsError):
        return error
    other = spare_name(target)
    try:
        write_to(other)
    except OutputError:  # the disk is full, or the folder is gone
        return error
    return OutputError(f"{str(error).rstrip('.')}; the finished picture is kept as {other}.")


def _flush(stream: BinaryIO) -> None:
    """Flush standard output here, not at the end of the program, since that may fail."""
    try:
        stream.flush()
    except OSError as error:
        raise OutputError(f"cannot write standard output: {reason(error)}.") from error
