"""From what a batch is given to its jobs: who is painted in whose style, and where it goes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from stylecli.batch.job_list import BadLine, Line, read_lines
from stylecli.batch.outcome import Outcome
from stylecli.batch.output_names import Named, Naming, name_all, same_name
from stylecli.errors import InputError, StylecliError, UsageError
from stylecli.images.discovery import Found, find_pictures
from stylecli.images.formats import check_output_suffix
from stylecli.job import Job, JobOptions
from stylecli.messages import escaped
from stylecli.settings import Settings

Pairing = Literal["product", "zip", "blend"]


@dataclass(frozen=True, kw_only=True)
class BatchRequest(JobOptions):
    """What a batch is given.

    `contents` and `styles` are names of files and folders, or patterns; `lines` a list of jobs.
    `pairing` is every content with every style, the first with the first and so on, or every
    content with a blend of all styles.
    """

    folder: Path
    contents: Sequence[str] = ()
    styles: Sequence[str] = ()
    lines: Iterable[str] = ()
    recursive: bool = False
    pairing: Pairing = "product"
    naming: Naming = field(default_factory=Naming)


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a batch, in order, and what failed before any work began."""

    jobs: tuple[Job, ...]
    failures: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """A job before its output has a name."""

    content: Found
    styles: tuple[Path, ...]
    settings: Settings
    output: Path | None = None


def plan_batch(request: BatchRequest) -> BatchPlan:
    """The jobs of a batch, each with an output of its own inside the folder.

    Raises `UsageError` for a pairing or a template that makes no sense, `InputError` where there
    is nothing to do. A line that is no job is a failure of its own.
    """
    failures: list[Outcome] = []
    wanted = [*_from_names(request), *_from_lines(request, failures)]
    if not wanted and not failures:
        raise InputError("there is nothing to do: name pictures, a folder, or --from-file.")
    outputs = _outputs(wanted, request)
    named = Counter(same_name(PurePosixPath(output)) for output in outputs)
    jobs = []
    for each, output in zip(wanted, outputs, strict=True):
        try:
            if named[same_name(PurePosixPath(output))] > 1:  # both name it themselves
                raise UsageError(f"several pictures would be written to {escaped(output)}.")
            jobs.append(_job(each, output, request))
        except StylecliError as error:
            failures.append(Outcome.failed(each.content.path, each.styles, output, error))
    return BatchPlan(tuple(jobs), tuple(failures))


def _from_names(request: BatchRequest) -> list[_Wanted]:
    if not request.contents:
        return []
    contents = _outside(find_pictures(request.contents, recursive=request.recursive), request)
    styles = [found.path for found in _styles(request)]
    pairs: list[tuple[Found, tuple[Path, ...]]]
    if request.pairing == "zip":
        if len(contents) != len(styles):
            raise UsageError(
                f"--pair zip needs as many styles as contents, got {len(styles)} for "
                f"{len(contents)}."
            )
        pairs = [(content, (style,)) for content, style in zip(contents, styles, strict=True)]
    elif request.pairing == "blend":
        pairs = [(content, tuple(styles)) for content in contents]
    else:
        pairs = [(content, (style,)) for content in contents for style in styles]
    return [_Wanted(content, chosen, request.settings) for content, chosen in pairs]


def _styles(request: BatchRequest) -> list[Found]:
    if not request.styles:
        raise UsageError("say whose style the pictures take: add --style.")
    return find_pictures(request.styles, recursive=request.recursive)


def _outside(found: list[Found], request: BatchRequest) -> list[Found]:
    """Without what earlier batches have put into the output folder."""
    folder = request.folder.absolute()
    kept = [each for each in found if not (each.root and folder in each.path.absolute().parents)]
    if not kept:
        raise InputError(f"all pictures are in the output folder {escaped(request.folder)} itself.")
    return kept


def _from_lines(request: BatchRequest, failures: list[Outcome]) -> list[_Wanted]:
    wanted: list[_Wanted] = []
    styles: list[Path] | None = None
    for line in read_lines(request.lines):
        try:
            if isinstance(line, BadLine):
                raise InputError(f"line {line.number} is no job: {line.why}.")
            if not line.styles and styles is None:
                styles = [found.path for found in _styles(request)]
            wanted += _of_line(line, styles or [], request)
        except StylecliError as error:
            number = line.number
            text = str(error)
            said = text if text.startswith("line ") else f"line {number}: {text}"
            failures.append(Outcome.failed(None, (), None, type(error)(said)))
    return wanted


def _of_line(line: Line, styles: list[Path], request: BatchRequest) -> list[_Wanted]:
    settings = request.settings
    if line.settings:
        kept = settings.set_aside(line.settings)
        settings = Settings.from_dict({**kept.to_dict(), **line.settings})
    content = Found(line.content)
    if line.styles:
        return [_Wanted(content, line.styles, settings, line.output)]
    if request.pairing == "zip":
        raise UsageError("with --pair zip each line names its own style.")
    if request.pairing == "blend":
        return [_Wanted(content, tuple(styles), settings, line.output)]
    if line.output is not None and len(styles) > 1:
        raise UsageError("one output for several styles: name the style as well.")
    return [_Wanted(content, (style,), settings, line.output) for style in styles]


def _outputs(wanted: Sequence[_Wanted], request: BatchRequest) -> list[Path]:
    """Where each goes; a job that names its output keeps to the folder as well."""
    unnamed = [(i, each) for i, each in enumerate(wanted) if each.output is None]
    things = [
        Named(
            _values(each, index),
            PurePosixPath(each.content.folder),
            each.content.path,
            each.styles,
        )
        for index, each in unnamed
    ]
    taken = [PurePosixPath(each.output) for each in wanted if each.output is not None]
    names = dict(zip((i for i, _ in unnamed), name_all(request.naming, things, taken), strict=True))
    return [
        request.folder / (names[i] if each.output is None else each.output)
        for i, each in enumerate(wanted)
    ]


def _values(wanted: _Wanted, index: int) -> dict[str, str]:
    settings = wanted.settings
    return {
        "content": wanted.content.path.stem,
        "style": "+".join(style.stem for style in wanted.styles),
        "index": f"{index + 1:04d}",
        "seed": str(settings.seed),
        "size": "own" if settings.size is None else str(settings.size),
        "strength": "own" if settings.strength is None else f"{settings.strength:g}",
    }


def _job(wanted: _Wanted, output: Path, request: BatchRequest) -> Job:
    if wanted.output is not None:
        if ".." in wanted.output.parts or wanted.output.is_absolute():
            raise UsageError(f"the output {escaped(wanted.output)} leads out of the output folder.")
        check_output_suffix(output)
    return Job(
        content=wanted.content.path,
        styles=wanted.styles,
        output=output,
        **{**request.as_keywords, "settings": wanted.settings},
    )
