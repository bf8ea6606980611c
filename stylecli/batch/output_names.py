"""Names of a batch's outputs: from a template, inside the folder, each once. No torch."""

import hashlib
import os
import string
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from stylecli.errors import UsageError
from stylecli.images.formats import WRITABLE
from stylecli.messages import did_you_mean, escaped

DEFAULT_TEMPLATE: Final = "{content}_{style}"
FIELDS: Final = ("content", "style", "index", "seed", "size", "strength")
LONGEST: Final = 240  # bytes of a name; file systems allow 255, temporary files need a few
_BAD: Final = '/\\:*?"<>|'  # in names on one system or another


@dataclass(frozen=True)
class Naming:
    """A template for names, without or with folders, and the format it ends with.

    Raises `UsageError` for unknown fields, or a template that leads out of the folder.
    """

    template: str = DEFAULT_TEMPLATE
    suffix: str = ".png"

    def __post_init__(self) -> None:
        if self.suffix.lower() not in WRITABLE:
            raise UsageError(
                f"{self.suffix!r} is no format{did_you_mean(self.suffix, WRITABLE)}; use one of "
                f"{', '.join(WRITABLE)}."
            )
        for field in _fields_of(self.template):
            if field not in FIELDS:
                raise UsageError(
                    f"unknown field {{{escaped(field)}}} in the name template"
                    f"{did_you_mean(field, FIELDS)}; there are "
                    f"{', '.join(f'{{{name}}}' for name in FIELDS)}."
                )
        if any(unicodedata.category(c) == "Cc" for c in self.template):
            raise UsageError(f"the name template {self.template!r} holds a control character.")
        self.relative(dict.fromkeys(FIELDS, "x"))

    def relative(self, values: Mapping[str, str]) -> PurePosixPath:
        """The name for some values, relative to the folder."""
        filled = self.template.format(**{name: cleaned(text) for name, text in values.items()})
        path = PurePosixPath(filled)
        parts = path.parts
        if not parts or path.is_absolute() or ".." in parts:
            raise UsageError(
                f"the name template {self.template!r} leads out of the output folder, or nowhere."
            )
        # The template's own suffix counts; one that came with a value, as of a.jpg.png, does not.
        own = PurePosixPath(self.template).suffix.lower() in WRITABLE
        name = path.name if own else path.name + self.suffix
        return PurePosixPath(*map(_shortened, parts[:-1]), _shortened(name))


@dataclass(frozen=True)
class Named:
    """What a name is made for: values, the folder it is mirrored in, content and styles."""

    values: Mapping[str, str]
    folder: PurePosixPath
    content: Path
    styles: tuple[Path, ...] = ()


def name_all(
    naming: Naming, things: Sequence[Named], taken: Iterable[PurePosixPath] = ()
) -> list[PurePosixPath]:
    """A different name for each, and none that is taken; the same whenever the same are named.

    Where two would be equal, on any file system, both get the suffix of the picture in which
    they differ, then its folder, then a part of a hash of its path.
    """
    reserved = set(map(same_name, taken))
    values = [dict(thing.values) for thing in things]
    for attempt in range(4):
        names = [
            thing.folder / naming.relative(own) for thing, own in zip(things, values, strict=True)
        ]
        alike = _alike(names, reserved)
        if not alike:
            return names
        for members in alike:
            _tell_apart([things[i] for i in members], [values[i] for i in members], attempt)
    raise UsageError(
        f"two pictures would be written to {escaped(names[alike[0][0]])}: put {{content}}, "
        "{style} or {index} into --name."
    )


def same_name(name: PurePosixPath) -> str:
    """Equal for names that some file system takes for the same: by case, or how accents are put."""
    return unicodedata.normalize("NFKC", str(name)).casefold()


def _alike(names: Sequence[PurePosixPath], reserved: Set[str]) -> list[list[int]]:
    """The places of names that are the same as another, or taken, name by name."""
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        places.setdefault(same_name(name), []).append(index)
    return [found for key, found in places.items() if len(found) > 1 or key in reserved]


def _tell_apart(things: Sequence[Named], values: Sequence[dict[str, str]], attempt: int) -> None:
    """Change the values of things of one name; a style's only where that is what differs."""
    contents = len({thing.content for thing in things}) > 1
    styles = len({thing.styles for thing in things}) > 1
    for thing, own in zip(things, values, strict=True):
        if contents or not styles:
            own["content"] = _longer(thing.content, attempt)
        if styles:
            own["style"] = "+".join(_longer(style, attempt) for style in thing.styles)


def _longer(path: Path, attempt: int) -> str:
    if attempt == 0:
        return path.name
    if attempt == 1:
        return f"{path.absolute().parent.name}-{path.name}"
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
    return f"{path.name}-{digest[:8]}"


def _fields_of(template: str) -> list[str]:
    try:
        return [
            field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            for _, field, form, conversion in string.Formatter().parse(template)
            if field is not None
        ]
    except ValueError as error:
        raise UsageError(f"the name template {template!r} makes no sense: {error}.") from error


def cleaned(text: str) -> str:
    """A value as part of a name: no separators or control characters, no dot or dash in front."""
    plain = "".join("_" if c in _BAD or not c.isprintable() else c for c in text)
    return plain.strip().lstrip(".- ") or "_"  # in this order: " .a" must not become hidden


def _shortened(name: str) -> str:
    """A name that a file system can hold, told apart by a hash where it was cut."""
    data = os.fsencode(name)
    if len(data) <= LONGEST:
        return name
    suffix = PurePosixPath(name).suffix
    suffix = suffix if suffix.lower() in WRITABLE else ""
    digest = hashlib.sha256(data).hexdigest()[:8]
    kept = data[: LONGEST - len(suffix) - 9]
    return f"{kept.decode('utf-8', 'ignore')}-{digest}{suffix}"
