"""Jobs: the input files, the settings, the machine and the output of one picture. No torch."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from stylecli.encoder.registry import is_path
from stylecli.errors import UsageError
from stylecli.images.discovery import STREAM, path_of
from stylecli.images.formats import OutputOptions
from stylecli.settings import Compute, Settings

NAMED_STARTS: Final = ("random", "content")  # values of `init` besides a picture's path

# What becomes of an output that exists: refused; kept where complete and by the same recipe, else
# refused (skip) or replaced (renew); replaced.
Existing = Literal["refuse", "skip", "renew", "overwrite"]


def files_named_by(settings: Settings) -> dict[str, str]:
    """The settings that name a file to read, with its path."""
    files = {} if settings.init in NAMED_STARTS else {"init": settings.init}
    encoder = settings.encoder
    return files if encoder is None or not is_path(encoder) else {**files, "encoder": encoder}


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """Options that one job and many share: settings, compute, output format, masks.

    `mask` divides the content into regions, `style_masks`, one for each style, the styles. With
    `accept_damaged` what can be decoded of a damaged input is taken. `downloadable` are the
    encoders that were asked for by name, by the user and not by a file: no other is downloaded.
    `existing` says what becomes of an output that is there. `sources` are further files that the
    options came from, which are no more replaced than pictures that are read.
    """

    settings: Settings = field(default_factory=Settings)
    compute: Compute = field(default_factory=Compute)
    output_options: OutputOptions = field(default_factory=OutputOptions)
    mask: Path | None = None
    style_masks: tuple[Path, ...] = ()
    accept_damaged: bool = False
    downloadable: frozenset[str] = frozenset()
    existing: Existing = "refuse"
    sources: tuple[Path, ...] = ()

    @property
    def as_keywords(self) -> dict[str, Any]:
        """These options alone, as keywords for another `JobOptions`."""
        return {field.name: getattr(self, field.name) for field in fields(JobOptions)}


@dataclass(frozen=True, kw_only=True)
class Job(JobOptions):
    """One style transfer, from content and style files to an output file.

    `STREAM` as content or a style is standard input, as output standard output (PNG). Raises
    `UsageError` without a style, where standard input is named twice, or where weights, scales and
    masks do not go with the styles.
    """

    content: Path
    styles: tuple[Path, ...]
    output: Path

    def __post_init__(self) -> None:
        if not self.styles:
            raise UsageError("a job needs at least one style picture.")
        if (self.content, *self.styles).count(STREAM) > 1:
            raise UsageError("only one of the pictures can come from standard input.")
        self._check_counts(len(self.styles))

    def _check_counts(self, styles: int) -> None:
        self.settings.check_counts(styles)
        if self.style_masks and self.mask is None:
            raise UsageError("--style-mask needs --mask: regions of the content to fill.")
        if len(self.style_masks) not in (0, styles):
            count = len(self.style_masks)
            raise UsageError(f"--style-mask is given {count} time(s) for {styles} style(s).")

    def located(self) -> Self:
        """The same job with paths that do not depend on where a process runs; not for streams."""
        return self.with_paths(Path.absolute, output=self.output)

    def with_paths(self, change: Callable[[Path], Path], *, output: Path) -> Self:
        """The same job with other paths of what is read, and another output, made absolute."""
        settings = self.settings
        if self.init_path is not None:
            settings = replace(settings, init=str(change(self.init_path)))
        if is_path(settings.encoder_name):
            settings = replace(
                settings, encoder=str(change(Path(settings.encoder_name).expanduser()))
            )
        return replace(
            self,
            content=change(self.content),
            styles=tuple(map(change, self.styles)),
            output=output.absolute(),
            settings=settings,
            mask=None if self.mask is None else change(self.mask),
            style_masks=tuple(map(change, self.style_masks)),
            sources=tuple(map(change, self.sources)),
        )

    @property
    def init_path(self) -> Path | None:
        """The picture to start from, where `settings.init` names one."""
        return None if self.settings.init in NAMED_STARTS else path_of(self.settings.init)

    @property
    def named_inputs(self) -> tuple[tuple[str, Path], ...]:
        """Every picture that is read, with its role in the recipe."""
        inputs = [("content", self.content), *(("styles", style) for style in self.styles)]
        inputs += [("init", self.init_path)] if self.init_path else []
        inputs += [("mask", self.mask)] if self.mask else []
        return (*inputs, *(("style_masks", mask) for mask in self.style_masks))

    @property
    def input_files(self) -> tuple[Path, ...]:
        """Every file that is read as a picture, standard input left out."""
        return tuple(path for _, path in self.named_inputs if path != STREAM)

    @property
    def files_read(self) -> tuple[Path, ...]:
        """Every file that must not be written: pictures, the encoder's file, `sources`."""
        name = self.settings.encoder_name
        encoder = (Path(name).expanduser(),) if is_path(name) else ()
        return (*self.input_files, *encoder, *self.sources)
