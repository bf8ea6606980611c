"""A picture again, from the recipe it carries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from stylecli._version import __version__
from stylecli.encoder.registry import ENCODERS, get_spec
from stylecli.errors import InputError
from stylecli.images import read_recipe
from stylecli.images.input_bytes import digest_of
from stylecli.job import NAMED_STARTS, Job
from stylecli.messages import shown
from stylecli.provenance.recipe import Ingredient, Recipe, parse_recipe
from stylecli.settings import Compute, Precision


@dataclass(frozen=True)
class Replay:
    """A job that repeats a picture, and what may make it come out differently."""

    job: Job
    notes: tuple[str, ...]


def recipe_in(path: Path) -> Recipe:
    """The recipe in a picture of this program. Raises `InputError`."""
    text = read_recipe(path)
    if text is None:
        raise InputError(f"{shown(path)} holds no recipe of this program.")
    return parse_recipe(text, shown(path))


def replay_of(
    picture: Path,
    output: Path,
    *,
    given: Sequence[Path] = (),
    compute: Compute | None = None,
    force: bool = False,
) -> Replay:
    """The job that made a picture, for another output.

    Its inputs are looked for by name: among `given`, beside the picture, and in the current
    folder, first those with the recorded hash. Raises `InputError` for one that is not found.
    """
    recipe = recipe_in(picture)
    folders = (picture.absolute().parent, Path.cwd())
    notes: list[str] = []

    def find(ingredient: Ingredient, role: str) -> Path:
        path, same = _find(ingredient, given, folders)
        if path is None:
            raise InputError(
                f"cannot find {role} {shown(ingredient.name)} of {shown(picture)}: "
                "add --input PATH."
            )
        if not same:
            notes.append(f"{role} {shown(path)} has changed since the picture was made")
        return path

    settings = recipe.settings
    if recipe.init is not None and settings.init not in NAMED_STARTS:
        settings = replace(settings, init=str(find(recipe.init, "the start")))
    if settings.encoder not in ENCODERS:
        settings = replace(settings, encoder=str(find(recipe.encoder, "the encoder")))
    elif get_spec(settings.encoder).sha256 != recipe.encoder.sha256:
        notes.append(f"the encoder {settings.encoder} is another one now")
    if recipe.version != __version__:
        notes.append(f"the picture was made by version {recipe.version}, this is {__version__}")
    job = Job(
        content=find(recipe.content, "the content"),
        styles=tuple(find(style, "the style") for style in recipe.styles),
        output=output,
        settings=settings,
        compute=compute or Compute(precision=_precision(recipe)),
        output_options=recipe.output,
        force=force,
        mask=None if recipe.mask is None else find(recipe.mask, "the mask"),
        style_masks=tuple(find(mask, "the style mask") for mask in recipe.style_masks),
    )
    return Replay(job, tuple(notes))


def _precision(recipe: Recipe) -> Precision:
    """The recorded one, so that another machine does not choose another."""
    known: tuple[Precision, ...] = get_args(Precision)
    return next((each for each in known if each == recipe.precision), "auto")


def _find(
    ingredient: Ingredient, given: Iterable[Path], folders: Iterable[Path]
) -> tuple[Path | None, bool]:
    """A file for an ingredient, and whether it is the very one."""
    name = Path(ingredient.name).name  # a forged recipe must not lead anywhere else
    places = [*given, *(folder / name for folder in folders)]
    files = [path for path in places if _is_file(path)]
    for path in files:
        if _digest(path) == ingredient.sha256:
            return path, True
    named = [path for path in files if path.name == name]
    return (named[0], False) if named else (None, False)


def _is_file(path: Path) -> bool:
    """False, too, for a name that no file can have, or where nobody may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except InputError:
        return ""
