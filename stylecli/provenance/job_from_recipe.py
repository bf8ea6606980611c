"""Replay: the job that a picture's embedded recipe describes."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from stylecli._version import __version__
from stylecli.encoder.cache import missing, status_of
from stylecli.encoder.registry import ENCODERS, is_path, spec_of_hash
from stylecli.errors import InputError, WeightsError
from stylecli.images.embedded_text import read_recipe
from stylecli.job import NAMED_STARTS, Existing, Job, files_named_by
from stylecli.messages import escaped
from stylecli.provenance.hashing import Digests
from stylecli.provenance.recipe import Ingredient, Recipe, parse_recipe
from stylecli.settings import QUALITY_ENCODERS, Compute, Precision, Settings
from stylecli.transfer.compute.device import has_fast_bf16, resolve_device


@dataclass(frozen=True)
class Replay:
    """A job that repeats a picture, and what may make it come out differently."""

    job: Job
    notes: tuple[str, ...]


def recipe_in(path: Path) -> Recipe:
    """The recipe in a picture of this program. Raises `InputError`."""
    text = read_recipe(path)
    if text is None:
        raise InputError(f"{escaped(path)} holds no recipe of this program.")
    return parse_recipe(text, escaped(path))


def borrowed_settings(picture: Path) -> tuple[Settings, str]:
    """The settings in a picture for another one, and a note where its encoder is another now.

    An encoder that goes with the quality is left to it, so that another quality may have its own.
    A picture to start from and a weights file are left out, and told: a recipe comes with a
    picture from anywhere, and names no file to read. Raises `InputError`.
    """
    recipe = recipe_in(picture)
    recorded, settings, notes = recipe.encoder, recipe.settings, []
    spec = spec_of_hash(recorded.sha256)
    if spec is not None and ENCODERS.get(spec.name) == spec:
        settings = replace(settings, encoder=spec.name)
    elif recorded.name in ENCODERS:
        notes.append(
            f"the encoder {recorded.name} is another one than {escaped(picture)} was made with"
        )
    for name in files_named_by(settings):
        notes.append(f"the {name} of {escaped(picture)} is a file, and left out: add --{name} PATH")
        settings = replace(settings, **{name: getattr(Settings(), name)})
    if settings.encoder == QUALITY_ENCODERS[settings.quality]:
        settings = replace(settings, encoder=None)
    return settings, "; ".join(notes)


def replay_of(
    picture: Path,
    output: Path,
    *,
    moved: Sequence[Path] = (),
    compute: Compute | None = None,
    existing: Existing = "refuse",
    digests: Digests | None = None,
) -> Replay:
    """The job that made a picture, for another output.

    Its inputs are those with the recorded hash: among `moved`, and by name beside the picture and
    in the current folder. One of `moved` is taken by its name as well, with a note, since it was
    given by hand. `digests` knows which files there are, and their hashes. Raises `InputError` for
    one that is not found.
    """
    recipe = recipe_in(picture)
    search = _Search(picture, moved, digests or Digests())
    settings = replace(recipe.settings, encoder=search.encoder(recipe.encoder))
    if recipe.init is not None and settings.init not in NAMED_STARTS:
        settings = replace(settings, init=str(search.input(recipe.init, "the start")))
    notes = search.notes
    if recipe.version != __version__:
        notes.append(f"the picture was made by version {recipe.version}, this is {__version__}")
    compute = compute or Compute(precision=_precision(recipe))
    if compute.precision == "bf16" and not has_fast_bf16(resolve_device(compute.device)):
        notes.append("the picture was made in bf16, which is slow on this machine")
    job = Job(
        content=search.input(recipe.content, "the content"),
        styles=tuple(search.input(style, "the style") for style in recipe.styles),
        output=output,
        settings=settings,
        compute=compute,
        output_options=recipe.output,
        existing=existing,
        mask=None if recipe.mask is None else search.input(recipe.mask, "the mask"),
        style_masks=tuple(search.input(mask, "the style mask") for mask in recipe.style_masks),
        accept_damaged=True,  # as it was then: the hash says that it is the same file
    )
    return Replay(job, tuple(notes))


class _Search:
    """The files that a picture was made from, by their recorded hashes; `notes` of what differs."""

    def __init__(self, picture: Path, moved: Sequence[Path], digests: Digests) -> None:
        self.picture, self.moved = picture, moved
        self.folders = picture.absolute().parent, Path.cwd()
        self.digests = digests
        self.notes: list[str] = []

    def input(self, ingredient: Ingredient, role: str) -> Path:
        """The file of an input. Raises `InputError`."""
        path, same = self._find(ingredient)
        if path is None:
            raise InputError(
                f"cannot find {role} {escaped(ingredient.name)} of {escaped(self.picture)}: "
                "add --input PATH."
            )
        if not same and path not in self.moved:
            raise InputError(
                f"{role} {escaped(path)} is not the file that {escaped(self.picture)} was made "
                "from: add --input PATH of the right one, or of this one to take it all the same."
            )
        if not same:
            self.notes.append(f"{role} {escaped(path)} has changed since the picture was made")
        return path

    def encoder(self, recorded: Ingredient) -> str:
        """The name or file of the very encoder that a recipe records.

        A named one is known by its hash, since names have changed: `vgg19` was torchvision's.
        Raises `WeightsError` where it is not here; nothing is downloaded, and no other network
        is taken.
        """
        spec = spec_of_hash(recorded.sha256)
        current = spec is not None and ENCODERS.get(spec.name) == spec
        if spec is not None and current and not is_path(recorded.name):
            if not status_of(spec).present:
                raise missing(spec)
            if spec.name != recorded.name:
                self.notes.append(f"the encoder {escaped(recorded.name)} is called {spec.name} now")
            return spec.name
        named = replace(recorded, name=spec.file_name) if spec and not current else recorded
        path, same = self._find(named)
        if path is not None and same:
            return str(path)
        former = "a former version of " if recorded.name in ENCODERS else ""
        raise WeightsError(
            f"{escaped(self.picture)} was made with {former}the encoder {escaped(recorded.name)} "
            f"(SHA-256 {recorded.sha256[:16]}...), which is not here: add --input PATH of "
            f"{escaped(named.name)}, or make a new picture with --like {escaped(self.picture)}."
        )

    def _find(self, ingredient: Ingredient) -> tuple[Path | None, bool]:
        """A file for an ingredient, and whether it is the very one."""
        name = Path(ingredient.name).name  # a forged recipe must not lead anywhere else
        # macOS writes accents as letters of their own (NFD); elsewhere that is another name.
        forms = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
        names = dict.fromkeys((name, *forms))
        places = [*self.moved, *(folder / one for folder in self.folders for one in names)]
        files = [path for path in places if self.digests.has(path)]
        for path in files:
            if self._digest(path) == ingredient.sha256:
                return path, True
        named = [path for path in files if path.name in names]
        return (named[0], False) if named else (None, False)

    def _digest(self, path: Path) -> str:
        """SHA-256 of a file, read once however many inputs a recipe lists."""
        try:
            return self.digests.of(path)
        except InputError:
            return ""


def _precision(recipe: Recipe) -> Precision:
    """The recorded one, so that another machine does not choose another."""
    known: tuple[Precision, ...] = get_args(Precision)
    return next((name for name in known if name == recipe.precision), "auto")
