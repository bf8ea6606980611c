"""Recipe: settings, hashes of the inputs and losses, as JSON in the picture. No torch.

No path beyond the file's name, no time and no duration goes in: a recipe reveals nothing of its
author's machine, and two runs with one seed give the same bytes.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from stylecli._version import __version__
from stylecli.errors import InputError, SettingsError
from stylecli.images.formats import OutputOptions
from stylecli.job import NAMED_STARTS, Job
from stylecli.settings import Settings

FORMAT: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_TEXT: Final = 1_000_000  # a recipe has some 2,000 characters; metadata may hold anything


@dataclass(frozen=True)
class Ingredient:
    """Something a picture was made from: its name, and the SHA-256 of its bytes in hex."""

    name: str
    sha256: str

    @classmethod
    def from_dict(cls, values: Any, role: str) -> Self:
        """Read back a dict; raises `ValueError`."""
        mapping = _mapping(values, role)
        name, sha256 = mapping.get("name"), mapping.get("sha256")
        if not isinstance(name, str) or not isinstance(sha256, str):
            raise ValueError(f"{role} needs a name and a sha256")
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"the sha256 of {role} is not 64 hexadecimal digits")
        return cls(name, sha256)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings, hashes of the inputs and losses of one picture.

    `size` is (width, height) in pixels. `losses` has the parts of the objective, `pyramid` the
    (content, style) relative losses at full, half and quarter size; `None` stands for a number
    that is not finite.
    """

    settings: Settings
    content: Ingredient
    styles: tuple[Ingredient, ...]
    encoder: Ingredient
    init: Ingredient | None = None
    mask: Ingredient | None = None
    style_masks: tuple[Ingredient, ...] = ()
    output: OutputOptions = OutputOptions()
    size: tuple[int, int]
    iterations: int
    losses: Mapping[str, float | None]
    pyramid: tuple[tuple[float | None, float | None], ...]
    device: str
    precision: str
    torch: str
    version: str = __version__

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "format": FORMAT,
            "program": "stylecli",
            "version": self.version,
            "settings": self.settings.to_dict(),
            "seed": self.settings.seed,
            "content": asdict(self.content),
            "styles": [asdict(style) for style in self.styles],
            "encoder": asdict(self.encoder),
            **({"init": asdict(self.init)} if self.init else {}),
            **({"mask": asdict(self.mask)} if self.mask else {}),
            **({"style_masks": list(map(asdict, self.style_masks))} if self.style_masks else {}),
            **({} if self.output == OutputOptions() else {"output": asdict(self.output)}),
            "size": list(self.size),
            "iterations": self.iterations,
            "losses": dict(self.losses),
            "pyramid": [list(pair) for pair in self.pyramid],
            "device": self.device,
            "precision": self.precision,
            "torch": self.torch,
        }

    @property
    def made_of(self) -> dict[str, Any]:
        """Settings and hashes that determine the picture, without its losses."""
        names = ("content", "encoder", "init", "mask")
        single = {name: getattr(self, name) for name in names}
        return {
            "settings": self.settings.to_dict(),
            **{name: value and value.sha256 for name, value in single.items()},
            "styles": [style.sha256 for style in self.styles],
            "style_masks": [mask.sha256 for mask in self.style_masks],
        }

    def to_json(self) -> str:
        """One line of JSON, ASCII alone, so that any metadata field can hold it."""
        return json.dumps(self.to_dict(), allow_nan=False)


def parse_recipe(text: str, name: str = "this picture") -> Recipe:
    """The inverse of `Recipe.to_json`; `name` is the picture's, for messages.

    Raises `InputError` for anything that is not a recipe this version understands.
    """
    try:
        if len(text) > _MAX_TEXT:
            raise ValueError("it is too long")
        return _from_dict(_mapping(json.loads(text), "it"))
    except (ValueError, TypeError, OverflowError, RecursionError, SettingsError) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise InputError(f"cannot read the recipe in {name}: {why}.") from error


def named_settings(job: Job) -> Settings:
    """A job's settings with files by their names alone: a recipe names no folder."""
    settings = replace(job.settings, encoder=Path(job.settings.encoder_name).name)
    return settings if job.init_path is None else replace(settings, init=job.init_path.name)


def finite(value: float) -> float | None:
    """The number itself, or `None` where JSON has no word for it."""
    return value if math.isfinite(value) else None


def _from_dict(values: Mapping[str, Any]) -> Recipe:
    if values.get("program") != "stylecli":
        raise ValueError("it is not from this program")
    if values.get("format") != FORMAT:
        raise ValueError(
            f"its format is {values.get('format')!r}, this version reads {FORMAT}; "
            "a newer stylecli may know it"
        )
    masks = _list(values, "style_masks") if "style_masks" in values else []
    settings = Settings.from_dict(_mapping(values.get("settings"), "settings"))
    if settings.init not in NAMED_STARTS and values.get("init") is None:
        raise ValueError("it starts from a picture that it does not list")
    return Recipe(
        settings=settings,
        content=Ingredient.from_dict(values.get("content"), "content"),
        styles=tuple(Ingredient.from_dict(s, "a style") for s in _list(values, "styles")),
        encoder=Ingredient.from_dict(values.get("encoder"), "encoder"),
        init=_optional(values, "init"),
        mask=_optional(values, "mask"),
        style_masks=tuple(Ingredient.from_dict(mask, "a style mask") for mask in masks),
        output=OutputOptions(**_mapping(values.get("output", {}), "output")),
        size=_size(_list(values, "size")),
        iterations=_whole(values.get("iterations"), "iterations"),
        losses={
            str(key): _number(value)
            for key, value in _mapping(values.get("losses"), "losses").items()
        },
        pyramid=tuple(_pair(pair) for pair in _list(values, "pyramid")),
        **{name: _text(values, name) for name in ("device", "precision", "torch", "version")},
    )


def _optional(values: Mapping[str, Any], name: str) -> Ingredient | None:
    return None if values.get(name) is None else Ingredient.from_dict(values[name], name)


def _mapping(values: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise ValueError(f"{what} is not a JSON object")
    return values


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = values.get(name)
    if not isinstance(value, list) or (not value and name == "styles"):
        raise ValueError(f"{name} is missing or not a list")
    return value


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing or not a text")
    return value


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} is missing or not a whole number")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return finite(float(value))  # JSON has no NaN, but Python's reader takes one


def _size(values: list[Any]) -> tuple[int, int]:
    if len(values) != 2:
        raise ValueError("size is not a width and a height")
    return _whole(values[0], "width"), _whole(values[1], "height")


def _pair(values: Any) -> tuple[float | None, float | None]:
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError("pyramid is not a list of pairs")
    return _number(values[0]), _number(values[1])
