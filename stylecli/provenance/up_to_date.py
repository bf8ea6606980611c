"""Up-to-date check: an output is complete, and made by the same recipe, by SHA-256."""

import os
from dataclasses import replace
from pathlib import Path

from stylecli.errors import InputError, StylecliError
from stylecli.images import read_picture, read_recipe
from stylecli.job import Job
from stylecli.provenance.hashing import Digests
from stylecli.provenance.recipe import Recipe, parse_recipe
from stylecli.settings import Settings


def recipe_at(path: Path) -> Recipe | None:
    """The recipe in a picture's metadata, or `None` where there is no picture or no recipe."""
    if not os.path.isfile(path):  # which is false, not an error, for names that cannot be
        return None
    try:
        text = read_recipe(path)
        return None if text is None else parse_recipe(text)
    except InputError:
        return None


def is_torn(path: Path) -> bool:
    """Whether a file is one of this program's pictures, cut short by whatever copied it."""
    try:
        return read_recipe(path) is not None and not _is_whole(path)
    except InputError:
        return False


def complete_recipe(job: Job, digests: Digests) -> Recipe | None:
    """The recipe of the output where it is the very picture that the job would make, or `None`.

    Decided from the recorded recipe and the hashes of the inputs and the encoder.
    """
    recipe = recipe_at(job.output)
    if recipe is None:
        return None
    try:
        wanted = {
            "settings": named_settings(job).to_dict(),
            "content": digests.of(job.content),
            "styles": [digests.of(style) for style in job.styles],
            "init": None if job.init_path is None else digests.of(job.init_path),
            "mask": None if job.mask is None else digests.of(job.mask),
            "style_masks": [digests.of(mask) for mask in job.style_masks],
            "encoder": digests.of_encoder(job.settings.encoder_name),
        }
    except StylecliError:
        return None
    return recipe if recipe.made_of == wanted and _is_whole(job.output) else None


def _is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end: another program may have cut it short."""
    try:
        read_picture(path)
    except InputError:
        return False
    return True


def named_settings(job: Job) -> Settings:
    """A job's settings with files by their names alone: a recipe names no folder."""
    settings = replace(job.settings, encoder=Path(job.settings.encoder_name).name)
    return settings if job.init_path is None else replace(settings, init=job.init_path.name)
