"""Whether a job's picture is there already: complete, and made by the same recipe."""

import os
from pathlib import Path

from stylecli.encoder.checksum import sha256_of
from stylecli.encoder.registry import get_spec, is_path
from stylecli.errors import InputError, StylecliError
from stylecli.images import read_picture, read_recipe
from stylecli.jobs.digests import Digests
from stylecli.jobs.job import Job
from stylecli.jobs.recipe import Recipe, parse_recipe
from stylecli.jobs.studio import named_settings


def recipe_at(path: Path) -> Recipe | None:
    """The recipe of a picture that is there and can be decoded to the end, else `None`."""
    if not os.path.isfile(path):  # which is false, not an error, for names that cannot be
        return None
    try:
        text = read_recipe(path)
        if text is None:
            return None
        read_picture(path)  # a file cut short by another program must not count
        return parse_recipe(text)
    except InputError:
        return None


def is_torn(path: Path) -> bool:
    """Whether a file is one of this program's pictures, cut short by whatever copied it."""
    try:
        if read_recipe(path) is None:
            return False
    except InputError:
        return False
    try:
        read_picture(path)
    except InputError:
        return True
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
            "encoder": _encoder_digest(job.settings.encoder),
        }
    except StylecliError:
        return None
    return recipe if recipe.made_of == wanted else None


def _encoder_digest(name: str) -> str:
    return sha256_of(Path(name).expanduser()) if is_path(name) else get_spec(name).sha256
