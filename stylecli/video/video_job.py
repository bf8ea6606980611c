"""A clip's job: its files, its settings, and how its frames follow each other. No torch."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from stylecli.errors import SettingsError, UsageError
from stylecli.job import Job, JobOptions
from stylecli.output_guard import beside
from stylecli.settings.validation import check_choice, check_integer, check_range
from stylecli.video.encoding import Encoding
from stylecli.video.masked_clip import MaskedClip
from stylecli.video.numbered_names import is_pattern

if TYPE_CHECKING:
    from stylecli.video.clip import Clip

DEFAULT_SIZE: Final = 640  # long side in pixels, at most, without --size
STORE_SUFFIX: Final = ".video"
_MPEG4: Final = (".mp4", ".m4v", ".mov")
_OTHERS: Final = (".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".flv", ".ogv", ".ogg")
CLIP_SUFFIXES: Final = frozenset((*_MPEG4, *_OTHERS))
Cuts = Literal["auto", "off"]


@dataclass(frozen=True, kw_only=True)
class Sequencing:
    """Which frames are made, and how each follows those before it.

    `temporal` in [0, 1] is how closely a frame follows the motion, 0 makes each alone. `passes` 2
    comes back from a shot's end. `start` and `end` are seconds of the clip, of which every
    `every`-th frame is taken; `fps` is the rate of a clip that is a folder of pictures.

    Raises `SettingsError`.
    """

    temporal: float = 0.5
    cuts: Cuts = "auto"
    passes: int = 1
    every: int = 1
    start: float | None = None
    end: float | None = None
    fps: float = 25.0

    def __post_init__(self) -> None:
        check_range("temporal", self.temporal, 0.0, 1.0)
        check_choice("cuts", self.cuts, get_args(Cuts))
        check_integer("passes", self.passes, 1, 2)
        check_integer("every", self.every, 1, 100_000)
        check_range("fps", self.fps, 0.001, 1000.0)
        for name in ("start", "end"):
            check_range(name, getattr(self, name), 0.0, 1e6)
        if self.end is not None and self.end <= (self.start or 0.0):
            raise SettingsError(f"the clip ends before it begins: from {self.start} to {self.end}.")


@dataclass(frozen=True, kw_only=True)
class VideoJob(JobOptions):
    """A clip in the style of pictures: `clip` and `output` are files, folders or patterns."""

    clip: Path
    styles: tuple[Path, ...]
    output: Path
    sequencing: Sequencing = field(default_factory=Sequencing)
    encoding: Encoding = field(default_factory=Encoding)
    keep_frames: bool = False

    def __post_init__(self) -> None:
        if self.settings.losses == "gatys" and self.sequencing.temporal > 0.0:
            raise UsageError(
                "--losses gatys have no unit that the temporal loss could be weighed in: add "
                "--temporal 0, or use the relative losses."
            )
        _ = self.frame_job(0)  # what a job of one picture refuses

    def open_clip(self) -> "Clip":
        """The clip, with its masks where these are a clip, not yet read."""
        clip = open_clip(self.clip, self.sequencing.fps)
        if self.mask is None or not is_clip(self.mask):
            return clip
        return MaskedClip(clip, open_clip(self.mask, self.sequencing.fps))

    @property
    def writes_pictures(self) -> bool:
        """Whether the output is a folder or a pattern of pictures."""
        return is_pattern(self.output) or not self.output.suffix or self.output.is_dir()

    @property
    def output_pattern(self) -> Path:
        """The pattern of the pictures, where the output is one or a folder."""
        return self.output if is_pattern(self.output) else self.output / "%06d.png"

    @property
    def store_folder(self) -> Path:
        """The folder of finished frames, beside the output."""
        return beside(self.output.parent if is_pattern(self.output) else self.output, STORE_SUFFIX)

    def frame_job(self, number: int) -> Job:
        """The job of one frame, as if it were a picture."""
        options: dict[str, Any] = {**self.as_keywords, "existing": "overwrite"}
        content = self.clip.with_name(f"{self.clip.name} frame {number}")
        return Job(content=content, styles=self.styles, output=self.output, **options)

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The pictures that are read: styles, masks and a start, but no clip of masks."""
        mask = () if self.mask is None or is_clip(self.mask) else (self.mask,)
        init = self.frame_job(0).init_path
        return (*self.styles, *mask, *self.style_masks, *(() if init is None else (init,)))


def is_clip(path: Path) -> bool:
    """Whether a path is that of a clip rather than of a picture, by its name."""
    return path.suffix.lower() in CLIP_SUFFIXES or is_pattern(path) or path.is_dir()


def open_clip(path: Path, fps: float = Sequencing.fps) -> "Clip":
    """A clip by its path, not yet read: a file, or a folder or pattern of pictures."""
    from stylecli.video.container_clip import ContainerClip
    from stylecli.video.picture_clip import PictureClip  # needs torch

    if path.is_dir() or is_pattern(path):
        return PictureClip(path, Fraction(fps).limit_denominator(1001))
    return ContainerClip(path)
