"""Output names of a batch: from a template, inside the folder, each once. No torch."""

import hashlib
import os
import string
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from stylecli.errors import UsageError
from stylecli.file_names import FORBIDDEN, is_device, leads_out, name_key, windows_fault
from stylecli.images.formats import WRITABLE
from stylecli.messages import did_you_mean, escaped
from stylecli.settings import Settings

DEFAULT_TEMPLATE: Final = "{content}_{style}"
FIELDS: Final = ("content", "style", "index", "seed", "size", "strength")
LONGEST: Final = 240  # bytes of a name; file systems allow 255, temporary files need a few
_BAD: Final = f"/\\{FORBIDDEN}"  # in names on one system or another


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
        for name in _fields_of(self.template):
            if name not in FIELDS:
                raise UsageError(
                    f"unknown field {{{escaped(name)}}} in the name template"
                    f"{did_you_mean(name, FIELDS)}; there are "
                    f"{', '.join(f'{{{known}}}' for known in FIELDS)}."
                )
        if any(unicodedata.category(c) == "Cc" for c in self.template):
            raise UsageError(f"the name template {self.template!r} holds a control character.")
        self.relative(dict.fromkeys(FIELDS, "x"))
        fault = windows_fault(self.template.format(**dict.fromkeys(FIELDS, "x")) + self.suffix)
        if fault is not None or "\\" in self.template:
            fault = fault or "a name holds no backslash: folders are separated by /"
            raise UsageError(
                f"the name template {self.template!r} makes no name for every system: {fault}."
            )

    def relative(self, values: Mapping[str, str]) -> PurePosixPath:
        """The name for some values, relative to the folder."""
        filled = self.template.format(**{name: cleaned(text) for name, text in values.items()})
        path = PurePosixPath(filled)
        if not path.parts or leads_out(path):
            raise UsageError(
                f"the name template {self.template!r} leads out of the output folder, or nowhere."
            )
        # The template's own suffix counts; one that came with a value, as of a.jpg.png, does not.
        has_suffix = PurePosixPath(self.template).suffix.lower() in WRITABLE
        name = path.name if has_suffix else path.name + self.suffix
        return PurePosixPath(*map(_portable, (*path.parts[:-1], name)))


@dataclass(frozen=True)
class Draft:
    """A job before its output has a name; `folder` is the subfolder that is mirrored.

    `options` are fields of `JobOptions` that are the job's own.
    """

    content: Path
    styles: tuple[Path, ...]
    settings: Settings = field(default_factory=Settings)
    folder: PurePosixPath = PurePosixPath()
    output: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def name_outputs(naming: Naming, drafts: Sequence[Draft]) -> list[Path]:
    """Each draft's output relative to the folder: the one it names, or a name of its own.

    The same drafts get the same names. Where two names would be equal, on any file system, both
    get the suffix of the picture in which they differ, then its folder, then a part of a hash of
    its path.
    """
    unnamed = [index for index, draft in enumerate(drafts) if draft.output is None]
    reserved = {name_key(PurePosixPath(draft.output)) for draft in drafts if draft.output}
    values = {index: _values(drafts[index], index) for index in unnamed}
    for attempt in range(4):
        names = {index: drafts[index].folder / naming.relative(values[index]) for index in unnamed}
        clashes = _clashes(names, reserved)
        if not clashes:
            return [draft.output or Path(names[index]) for index, draft in enumerate(drafts)]
        for members in clashes:
            _tell_apart([(drafts[index], values[index]) for index in members], attempt)
    raise UsageError(
        f"two pictures would be written to {escaped(names[clashes[0][0]])}: put {{content}}, "
        "{style} or {index} into --name."
    )


def _values(draft: Draft, index: int) -> dict[str, str]:
    settings = draft.settings
    return {
        "content": draft.content.stem,
        "style": "+".join(style.stem for style in draft.styles),
        "index": f"{index + 1:04d}",
        "seed": str(settings.seed),
        "size": "own" if settings.size is None else str(settings.size),
        "strength": "own" if settings.strength is None else f"{settings.strength:g}",
    }


def _clashes(names: Mapping[int, PurePosixPath], reserved: Set[str]) -> list[list[int]]:
    """Indices of names that are the same as another, or reserved, name by name."""
    indices: dict[str, list[int]] = {}
    for index, name in names.items():
        indices.setdefault(name_key(name), []).append(index)
    return [same for key, same in indices.items() if len(same) > 1 or key in reserved]


def _tell_apart(members: Sequence[tuple[Draft, dict[str, str]]], attempt: int) -> None:
    """Change the values of drafts of one name; a style's only where that is what differs."""
    contents = len({draft.content for draft, _ in members}) > 1
    styles = len({draft.styles for draft, _ in members}) > 1
    for draft, values in members:
        if contents or not styles:
            values["content"] = _longer(draft.content, attempt)
        if styles:
            values["style"] = "+".join(_longer(style, attempt) for style in draft.styles)


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
            name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            for _, name, form, conversion in string.Formatter().parse(template)
            if name is not None
        ]
    except ValueError as error:
        raise UsageError(f"the name template {template!r} makes no sense: {error}.") from error


def cleaned(text: str) -> str:
    """A value as part of a name: no separators or control characters, no dot or dash in front."""
    plain = "".join("_" if c in _BAD or not c.isprintable() else c for c in text)
    return plain.strip().lstrip(".- ") or "_"  # in this order: " .a" must not become hidden


def _portable(name: str) -> str:
    """A name, without folders, that every system can hold: values may have made it another one."""
    name = name.rstrip(". ") or "_"
    return _shortened(f"_{name}" if is_device(name) else name)


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
