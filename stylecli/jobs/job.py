"""What one job is made of: the files, the recipe, the machine. No torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stylecli.errors import UsageError
from stylecli.images.formats import OutputOptions
from stylecli.settings import Compute, Settings

STREAM: Final = Path("-")  # standard input or standard output
NAMED_STARTS: Final = ("random", "content")  # what `init` may be besides a picture's path


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture, from files to a file.

    `STREAM` as content or a style is standard input, as output standard output (PNG). An
    existing output is replaced only with `force`. Raises `UsageError` without a style, or
    where standard input is named twice.
    """

    content: Path
    styles: tuple[Path, ...]
    output: Path
    settings: Settings = field(default_factory=Settings)
    compute: Compute = field(default_factory=Compute)
    output_options: OutputOptions = field(default_factory=OutputOptions)
    force: bool = False

    def __post_init__(self) -> None:
        if not self.styles:
            raise UsageError("a job needs at least one style picture.")
        if (self.content, *self.styles).count(STREAM) > 1:
            raise UsageError("only one of the pictures can come from standard input.")

    @property
    def init_path(self) -> Path | None:
        """The picture to start from, where `settings.init` names one."""
        return None if self.settings.init in NAMED_STARTS else Path(self.settings.init)

    @property
    def input_files(self) -> tuple[Path, ...]:
        """Every file that is read as a picture, standard input left out."""
        found = (self.content, *self.styles, *([self.init_path] if self.init_path else []))
        return tuple(path for path in found if path != STREAM)
