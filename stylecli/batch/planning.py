"""Planning of a batch: contents paired with styles, and an output for each job."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from stylecli.batch.job_list import BadLine, Line, read_lines
from stylecli.batch.manifest import Manifest
from stylecli.batch.outcome import Outcome
from stylecli.batch.output_names import Draft, Naming, name_outputs
from stylecli.errors import InputError, OutputError, StylecliError, UsageError
from stylecli.file_names import leads_out, name_key
from stylecli.images.discovery import STREAM, find_pictures, natural_key
from stylecli.images.formats import check_local, check_output_suffix
from stylecli.job import Job, JobOptions, files_named_by
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard
from stylecli.pipeline.preflight import check_job
from stylecli.provenance.hashing import Digests
from stylecli.settings import Settings

Pairing = Literal["product", "zip", "blend"]

# Small pictures are made together, as many at most: at 96 px eight take 4.4 ms an iteration each,
# one alone 10.7; at 384 px 48 and 60 (two cores). Here, since grouping imports torch.
TOGETHER: Final = 8
ADVICE: Final = "add --skip-existing or --overwrite"  # where an output is there
MAX_LINES: Final = 100_000  # of a list
MAX_JOBS: Final = 200_000  # each takes some 2 KB


@dataclass(frozen=True, kw_only=True)
class BatchRequest(JobOptions):
    """Options of a batch.

    `contents` and `styles` are names of files and folders, or patterns; `lines` a list of jobs,
    which names files in the folder `root`, relative to it, and no others.
    `pairing` is every content with every style, the first with the first and so on, or every
    content with a blend of all styles.
    """

    folder: Path
    contents: Sequence[str] = ()
    styles: Sequence[str] = ()
    lines: Iterable[str] = ()
    root: Path = Path()
    recursive: bool = False
    pairing: Pairing = "product"
    naming: Naming = field(default_factory=Naming)


@dataclass(frozen=True)
class BatchPlan:
    """The jobs of a batch, in order, what failed before any work began, and notes on folders."""

    jobs: tuple[Job, ...]
    failures: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()


def plan_batch(request: BatchRequest) -> BatchPlan:
    """The jobs of a batch, each with an output of its own inside the folder.

    Raises `UsageError` for a pairing or a template that makes no sense, `InputError` where there
    is nothing to do. A line that is no job is a failure of its own.
    """
    check_local(request.folder)
    failures: list[Outcome] = []
    notes: list[str] = []
    drafts = [*_from_names(request, notes), *_from_lines(request, failures, notes)]
    if not drafts and not failures:
        raise InputError("there is nothing to do: name pictures, a folder, or --from-file.")
    if len(drafts) > MAX_JOBS:
        raise UsageError(f"these are {len(drafts)} pictures: a batch takes at most {MAX_JOBS}.")
    outputs = [request.folder / output for output in name_outputs(request.naming, drafts)]
    count = Counter(name_key(PurePosixPath(output)) for output in outputs)
    jobs = []
    for draft, output in zip(drafts, outputs, strict=True):
        try:
            if count[name_key(PurePosixPath(output))] > 1:  # both name it themselves
                raise UsageError(f"several pictures would be written to {escaped(output)}.")
            jobs.append(_job(draft, output, request))
        except StylecliError as error:
            failures.append(Outcome.failed(draft.content, draft.styles, output, error))
    return BatchPlan(tuple(jobs), tuple(failures), tuple(dict.fromkeys(notes)))


def settled(jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
    """Jobs, by their places, that need no work, or are bound to fail."""
    digests = Digests()
    inputs = OutputGuard({path for job in jobs for path in job.files_read})
    for number, job in enumerate(jobs):
        try:
            recipe = check_job(job, digests=digests, advice=ADVICE)
            if recipe is None and inputs.is_input(job.output):
                raise OutputError(
                    f"{escaped(job.output)} is also an input: give the output another name."
                )
        except Exception as error:
            yield number, Outcome.failed(job.content, job.styles, job.output, error)
        else:
            if recipe is not None:
                yield number, Outcome.of(job, "kept", recipe=recipe.to_dict())


def _from_names(request: BatchRequest, notes: list[str]) -> list[Draft]:
    if not request.contents:
        return []
    contents = _contents(request, notes)
    styles = _styles(request, notes)
    pairs: list[tuple[Path, tuple[Path, ...]]]
    if request.pairing == "zip":
        if len(contents) != len(styles):
            raise UsageError(
                f"--pair zip needs as many styles as contents, got {len(styles)} for "
                f"{len(contents)}."
            )
        ordered = list(contents)
        if len(request.styles) < len(styles) and ordered == sorted(ordered):
            ordered.sort(key=natural_key)  # a shell's pattern, beside a folder in natural order
        pairs = [(content, (style,)) for content, style in zip(ordered, styles, strict=True)]
    elif request.pairing == "blend":
        pairs = [(content, tuple(styles)) for content in contents]
    else:
        pairs = [(content, (style,)) for content in contents for style in styles]
    return [
        Draft(content, chosen, request.settings, PurePosixPath(contents[content] or ""))
        for content, chosen in pairs
    ]


def _contents(request: BatchRequest, notes: list[str]) -> dict[Path, Path | None]:
    """Content pictures with their subfolders, without earlier outputs in the output folder.

    These are all below an output folder that is below a folder of contents; where both are the
    same, and for files, those that the manifest records, unless there are no others.
    """
    folder = Path(os.path.abspath(request.folder))
    pictures = find_pictures(request.contents, recursive=request.recursive, on_note=notes.append)
    contents = {
        path: subfolder
        for path, subfolder in pictures.items()
        if subfolder is None or folder not in _below(path, subfolder)
    }
    if not contents:
        raise InputError(f"all pictures are in the output folder {escaped(request.folder)} itself.")
    made = Manifest(request.folder).files
    others = {path: contents[path] for path in contents if Path(os.path.abspath(path)) not in made}
    if others and len(others) < len(contents):
        count = len(contents) - len(others)
        notes.append(f"{count} picture(s) that an earlier batch wrote here are left out.")
    return others or contents


def _below(path: Path, subfolder: Path) -> Sequence[Path]:
    """The folders that a picture lies in, below the one that was named."""
    return Path(os.path.abspath(path)).parents[: len(subfolder.parts)]


def _styles(request: BatchRequest, notes: list[str]) -> list[Path]:
    if not request.styles:
        raise UsageError("say whose style the pictures take: add --style.")
    return list(find_pictures(request.styles, recursive=request.recursive, on_note=notes.append))


def _from_lines(request: BatchRequest, failures: list[Outcome], notes: list[str]) -> list[Draft]:
    drafts: list[Draft] = []
    styles: list[Path] | None = None
    for line in read_lines(request.lines, request.root):
        if line.number > MAX_LINES:
            raise InputError(f"the list has more than {MAX_LINES} lines: split it.")
        try:
            if isinstance(line, BadLine):
                raise InputError(f"line {line.number} is no job: {line.why}.")
            if not line.styles and styles is None:
                styles = _styles(request, notes)
            drafts += _of_line(line, styles or [], request)
        except StylecliError as error:
            text = str(error)
            text = text if text.startswith("line ") else f"line {line.number}: {text}"
            failures.append(Outcome.failed(None, (), None, type(error)(text)))
    return drafts


def _of_line(line: Line, styles: list[Path], request: BatchRequest) -> list[Draft]:
    settings = request.settings
    if line.settings:
        kept = settings.set_aside(line.settings)
        settings = Settings.from_dict({**kept.to_dict(), **line.settings})
        files = {
            name: str(_within(request.root, Path(file)))
            for name, file in files_named_by(settings).items()
            if name in line.settings
        }
        settings = Settings.from_dict({**settings.to_dict(), **files})
    content = _within(request.root, line.content)
    own_styles = tuple(_within(request.root, style) for style in line.styles)
    options = _own_options(line, request)
    draft = Draft(content, own_styles, settings, output=line.output, options=options)
    if line.styles:
        return [draft]
    if request.pairing == "zip":
        raise UsageError("with --pair zip each line names its own style.")
    if request.pairing == "blend":
        return [replace(draft, styles=tuple(styles))]
    if line.output is not None and len(styles) > 1:
        raise UsageError("one output for several styles: name the style as well.")
    return [replace(draft, styles=(style,)) for style in styles]


def _own_options(line: Line, request: BatchRequest) -> dict[str, Any]:
    """The fields of `JobOptions` that a line sets. Raises `SettingsError`, `InputError`."""
    options: dict[str, Any] = {}
    style_masks = tuple(_within(request.root, mask) for mask in line.style_masks)
    if line.mask is not None:
        options |= {"mask": _within(request.root, line.mask), "style_masks": style_masks}
    elif style_masks:
        options["style_masks"] = style_masks
    if line.output_options:
        options["output_options"] = replace(request.output_options, **line.output_options)
    return options


def _within(root: Path, path: Path) -> Path:
    """A file that a list names, in the folder `root`. Raises `InputError` for any other.

    A list may come from anywhere: it is not to read what the one who runs it can read.
    """
    if path == STREAM:
        raise InputError("- is standard input, which a list cannot name.")
    file = root / path
    if not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root)):
        place = escaped(root) if root != Path() else "the current folder"
        raise InputError(
            f"{escaped(path)} is not in {place}: a list names files in its own folder; "
            "--root FOLDER gives it another, --root / all."
        )
    return file


def _job(draft: Draft, output: Path, request: BatchRequest) -> Job:
    if draft.output is not None:
        if leads_out(draft.output):
            raise UsageError(f"the output {escaped(draft.output)} leads out of the output folder.")
        check_output_suffix(output)
    return Job(
        content=draft.content,
        styles=draft.styles,
        output=output,
        **{**request.as_keywords, "settings": draft.settings, **draft.options},
    )
