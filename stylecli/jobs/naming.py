"""Names of a batch's outputs: from a template, inside the folder, each once. No torch."""

import hashlib
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from stylecli.errors import UsageError
from stylecli.images.formats import WRITABLE, shown
from stylecli.validation import did_you_mean

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
                    f"unknown field {{{field}}} in the name template"
                    f"{did_you_mean(field, FIELDS)}; there are "
                    f"{', '.join(f'{{{name}}}' for name in FIELDS)}."
                )
        self.relative(dict.fromkeys(FIELDS, "x"))

    def relative(self, values: Mapping[str, str]) -> PurePosixPath:
        """The name for some values, relative to the folder."""
        filled = self.template.format(**{name: _cleaned(text) for name, text in values.items()})
        path = PurePosixPath(filled)
        parts = path.parts
        if not parts or path.is_absolute() or ".." in parts or "\0" in filled:
            raise UsageError(
                f"the name template {self.template!r} leads out of the output folder, or nowhere."
            )
        if PurePosixPath(parts[-1]).suffix.lower() not in WRITABLE:
            path = path.with_name(parts[-1] + self.suffix)
        return path.with_name(_shortened(path.name))


@dataclass(frozen=True)
class Named:
    """What a name is made for: its values, the folder it is mirrored in, and the content."""

    values: Mapping[str, str]
    folder: PurePosixPath
    content: Path


def name_all(naming: Naming, things: Sequence[Named]) -> list[PurePosixPath]:
    """A different name for each, the same for the same things whatever else is there.

    Where two would be equal, on any file system, both get their content's suffix, then its
    folder, then a part of a hash of its path.
    """
    names = [thing.folder / naming.relative(thing.values) for thing in things]
    for attempt in range(3):
        twice = _repeated(names)
        if not twice:
            return names
        for index, thing in enumerate(things):
            if _key(names[index]) in twice:
                values = {**thing.values, "content": _told_apart(thing.content, attempt)}
                names[index] = thing.folder / naming.relative(values)
    for key in _repeated(names):
        first = next(name for name in names if _key(name) == key)
        raise UsageError(
            f"two pictures would be written to {shown(first)}: put {{content}}, {{style}} or "
            "{index} into --name."
        )
    return names


def _told_apart(content: Path, attempt: int) -> str:
    suffix = content.suffix.removeprefix(".")
    if attempt == 0:
        return f"{content.stem}.{suffix}" if suffix else content.stem
    parent = content.absolute().parent
    if attempt == 1:
        return f"{parent.name}-{content.stem}.{suffix}"
    digest = hashlib.sha256(str(content.absolute()).encode("utf-8", "surrogateescape"))
    return f"{content.stem}.{suffix}-{digest.hexdigest()[:8]}"


def _repeated(names: Sequence[PurePosixPath]) -> set[str]:
    return {key for key, count in Counter(map(_key, names)).items() if count > 1}


def _key(name: PurePosixPath) -> str:
    """Names that some file system takes for the same: by case or by how accents are written."""
    return unicodedata.normalize("NFKC", str(name)).casefold()


def _fields_of(template: str) -> list[str]:
    try:
        return [
            field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            for _, field, form, conversion in string.Formatter().parse(template)
            if field is not None
        ]
    except ValueError as error:
        raise UsageError(f"the name template {template!r} makes no sense: {error}.") from error


def _cleaned(text: str) -> str:
    """A value as part of a name: no separators or control characters, no dot or dash in front."""
    plain = "".join("_" if c in _BAD or not c.isprintable() else c for c in text)
    return plain.lstrip(".-").strip() or "_"


def _shortened(name: str) -> str:
    """A name that a file system can hold, told apart by a hash where it was cut."""
    data = name.encode("utf-8", "surrogateescape")
    if len(data) <= LONGEST:
        return name
    stem, dot, suffix = name.rpartition(".")
    digest = hashlib.sha256(data).hexdigest()[:8]
    kept = stem.encode("utf-8", "surrogateescape")[: LONGEST - len(suffix) - 10]
    return f"{kept.decode('utf-8', 'ignore')}-{digest}{dot}{suffix}"
