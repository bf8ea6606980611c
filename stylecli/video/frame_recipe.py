"""Recipe of a clip's frames: that of a picture, whose content is the clip, and the frame's place.

The key of a frame is a hash of all that determines it: the recipe and the frames before it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import torch

from stylecli._version import __version__
from stylecli.errors import InputError
from stylecli.images.embedded_text import read_recipe
from stylecli.messages import escaped, reason
from stylecli.provenance.hashing import Digests
from stylecli.provenance.recipe import Ingredient, Recipe, named_settings
from stylecli.transfer.compute.device import precision_name, resolve
from stylecli.transfer.resample import Size
from stylecli.video.clip import Clip
from stylecli.video.video_job import VideoJob, is_clip, open_clip

FRAME: Final = "frame"  # the field that a frame's recipe has and a picture's has not


class ClipDigests(Digests):
    """Hashes of files and clips; that of a clip of pictures is the hash of theirs."""

    def of(self, path: Path) -> str:
        """SHA-256 of a picture, or of all files of a clip. Raises `InputError`."""
        return digest_of_clip(open_clip(path)) if is_clip(path) else super().of(path)

    def has(self, path: Path) -> bool:
        """Whether there is such a file or clip."""
        try:
            files = open_clip(path).files if is_clip(path) else (path,)
        except InputError:
            return False
        return all(map(super().has, files))


@dataclass(frozen=True)
class FramePlace:
    """Place of a frame in its shot: its number, and those of the frames that it depends on.

    `needed` are the first and last of them and their step, itself among them.
    """

    key: str
    number: int
    needed: tuple[int, int, int]
    passes: int
    temporal: float

    @classmethod
    def of_text(cls, text: str | None) -> Self | None:
        """The place in the recipe of a frame; `None` where there is none, or a damaged one."""
        try:
            values = json.loads(text or "{}")[FRAME]
            first, last, step = map(int, values["needed"])
            number, passes, temporal = values["number"], values["passes"], values["temporal"]
            place = cls(
                str(values["key"]), int(number), (first, last, step), int(passes), float(temporal)
            )
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return None
        return place if step > 0 and number in range(first, last + 1, step) else None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The frames that this one depends on, itself included, in order."""
        first, last, step = self.needed
        return tuple(range(first, last + 1, step))


def bounds_of(numbers: Sequence[int]) -> tuple[int, int, int]:
    """First, last and step of numbers that are equally far apart."""
    first, last = numbers[0], numbers[-1]
    return first, last, numbers[1] - first if last > first else 1


def place_in(path: Path) -> FramePlace | None:
    """The place in the file of a frame; `None` where there is no such file, or it is no frame."""
    try:
        return FramePlace.of_text(read_recipe(path)) if path.is_file() else None
    except InputError:
        return None


def clip_recipe(job: VideoJob, size: Size) -> Recipe:
    """The recipe of all frames of a job. Raises `InputError` or `WeightsError`."""
    digests, one = ClipDigests(), job.frame_job(0)

    def ingredient(path: Path) -> Ingredient:
        return Ingredient(path.name, digests.of(path))

    device, dtype = resolve(job.compute)
    height, width = size
    encoder = job.settings.encoder_name
    return Recipe(
        settings=named_settings(one),
        content=Ingredient(job.clip.name, digest_of_clip(open_clip(job.clip))),
        styles=tuple(map(ingredient, job.styles)),
        encoder=Ingredient(Path(encoder).name, digests.of_encoder(encoder)),
        init=ingredient(one.init_path) if one.init_path else None,
        mask=ingredient(job.mask) if job.mask else None,
        style_masks=tuple(map(ingredient, job.style_masks)),
        output=job.output_options,
        size=(width, height),
        iterations=0,
        losses={},
        pyramid=(),
        device=str(device.type),
        precision=precision_name(dtype),
        torch=str(torch.__version__),
    )


def digest_of_clip(clip: Clip) -> str:
    """SHA-256 of a clip's file, or of those of its pictures in order. Raises `InputError`."""
    try:
        digests = [_digest(path) for path in clip.files]
    except OSError as error:
        raise InputError(f"cannot read {escaped(clip.path)}: {reason(error)}.") from error
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def base_key(recipe: Recipe, temporal: float) -> str:
    """All that the frames of a job are made from, as JSON: what their keys begin with."""
    values = {"version": __version__, "temporal": temporal, **recipe.made_of}
    return json.dumps(values, sort_keys=True)


def chained_keys(base: str, numbers: Sequence[int]) -> list[str]:
    """A key for each frame of a shot: it depends on the base and on all frames before."""
    key, keys = base, []
    for number in numbers:
        key = hashlib.sha256(f"{key} {number}".encode()).hexdigest()
        keys.append(key)
    return keys


def frame_text(recipe: Recipe, place: FramePlace) -> str:
    """The recipe of a frame as JSON, for its file."""
    return json.dumps({**recipe.to_dict(), FRAME: asdict(place)}, allow_nan=False)
