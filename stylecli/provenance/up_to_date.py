"""Up-to-date check: an output is complete, and made by the same recipe, by SHA-256."""

import os
from pathlib import Path

from stylecli.errors import InputError, OutputError, StylecliError
from stylecli.images.embedded_text import read_recipe
from stylecli.images.reading import read_picture
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.provenance.hashing import Digests
from stylecli.provenance.recipe import Recipe, named_settings, parse_recipe


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


def kept_recipe(job: Job, digests: Digests) -> Recipe | None:
    """The recipe of an output that stays as it is, or `None` where it is to be made.

    Raises `OutputError` where `job.existing` forbids both.
    """
    if job.existing not in ("skip", "renew"):
        return None  # the output guard refuses or replaces
    recipe = complete_recipe(job, digests)
    if recipe is not None or job.existing == "renew" or not os.path.lexists(job.output):
        return recipe
    if is_torn(job.output):
        return None
    raise OutputError(
        f"{escaped(job.output)} exists and was made by another recipe: add --overwrite to "
        "replace it."
    )


def complete_recipe(job: Job, digests: Digests) -> Recipe | None:
    """The recipe of the output where it is the very picture that the job would make, or `None`.

    Decided from the recorded recipe with its output options, and the hashes of the inputs and the
    encoder.
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
    same = recipe.made_of == wanted and recipe.output.as_stored(job.output) == (
        job.output_options.as_stored(job.output)
    )
    return recipe if same and _is_whole(job.output) else None


def _is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end: another program may have cut it short."""
    try:
        read_picture(path)
    except InputError:
        return False
    return True
