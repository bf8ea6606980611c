"""Plan of a clip: its shots, the frames that are made, their times, the size of the result."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from stylecli.errors import InputError, OutputError
from stylecli.images.discovery import STREAM
from stylecli.images.formats import check_local
from stylecli.messages import escaped
from stylecli.output_guard import OutputGuard, follow_link
from stylecli.transfer.resample import Size
from stylecli.transfer.schedule import output_size
from stylecli.video.clip import Clip, ClipFormat
from stylecli.video.clip_writer import check_container
from stylecli.video.cuts import Scan, find_cuts, scan_clip, split_shots
from stylecli.video.extras import check_extras
from stylecli.video.frame_recipe import clip_recipe
from stylecli.video.numbered_names import numbered
from stylecli.video.shots import Shot
from stylecli.video.video_job import DEFAULT_SIZE, VideoJob


@dataclass(frozen=True)
class VideoPlan:
    """What is made of a clip; `times` are pts and duration of each frame, in order.

    `window` are the seconds of the clip that are taken, where not all of it is.
    """

    job: VideoJob
    clip: Clip
    format: ClipFormat
    size: Size
    shots: tuple[Shot, ...]
    times: dict[int, tuple[int, int]]
    window: tuple[Fraction, Fraction] | None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The frames that are made, in order."""
        return tuple(self.times)

    @property
    def disk_bytes(self) -> int:
        """Most that the frames take while they are kept: 16 bits a channel, each pass."""
        height, width = self.size
        return 6 * height * width * len(self.times) * self.job.sequencing.passes


def check_video(job: VideoJob) -> None:
    """Raise the error a job is bound to end with, before the clip is read.

    `UsageError` where the extra is missing, `InputError` or `OutputError` for its files.
    """
    check_extras()
    if STREAM in (job.clip, job.output, *job.styles):
        raise InputError("clips are read from files, and written to files: - is none.")
    for path in job.pictures:
        if not path.is_file():
            raise InputError(f"cannot read {escaped(path)}: there is no such file.")
    check_local(job.output)
    guard = guard_of_video(job)
    if not job.writes_pictures:
        guard.check(follow_link(job.output))
    elif job.output.is_dir() and any(job.output.iterdir()) and not guard.replace:
        raise OutputError(f"{escaped(job.output)} exists already: add --force to write into it.")


def guard_of_video(job: VideoJob) -> OutputGuard:
    """The output guard of a job: what is read is never replaced."""
    files = (*job.frame_job(0).files_read[1:], *job.open_clip().files)
    return OutputGuard(files, replace=job.existing == "overwrite")


def plan_video(job: VideoJob, on_message: Callable[[str], None]) -> VideoPlan:
    """Read a clip once, and find its shots. Raises `InputError` or `OutputError`."""
    check_video(job)
    clip = job.open_clip()
    form = clip.format
    if job.settings.size is None:
        side = min(DEFAULT_SIZE, max(form.size))
        job = replace(job, settings=replace(job.settings, size=side))
    size = output_size(form.size, job.settings)
    if not job.writes_pictures:
        check_container(job.output, job.encoding, form, size)
    on_message("Reading the clip")
    scan = scan_clip(clip.frames())
    numbers, window = _chosen(job, scan, form)
    recipe = clip_recipe(job, size)
    cuts = find_cuts(scan.differences) if job.sequencing.cuts == "auto" else []
    shots = tuple(Shot(shot, recipe) for shot in split_shots(numbers, cuts))
    times = _times(numbers, scan, job.sequencing.every)
    plan = VideoPlan(job, clip, form, size, shots, times, window)
    if job.writes_pictures:
        guard = guard_of_video(job)
        for path in picture_paths(plan).values():
            guard.check(path)
    return plan


def picture_paths(plan: VideoPlan) -> dict[int, Path]:
    """The files of the frames, by number, where the output is a folder or a pattern."""
    pattern = plan.job.output_pattern
    return {number: numbered(pattern, number) for number in plan.numbers}


def _chosen(
    job: VideoJob, scan: Scan, form: ClipFormat
) -> tuple[list[int], tuple[Fraction, Fraction] | None]:
    """Numbers of the frames that are made, and the seconds that they are from."""
    sequencing = job.sequencing
    if not scan.pts:
        raise InputError(f"cannot read {escaped(job.clip)}: it has no frames.")
    origin = scan.pts[0] * form.time_base
    start = _exact(sequencing.start or 0.0) + origin
    end = None if sequencing.end is None else _exact(sequencing.end) + origin
    numbers = [
        number
        for number, pts in enumerate(scan.pts)
        if pts * form.time_base >= start and (end is None or pts * form.time_base < end)
    ][:: sequencing.every]
    if not numbers:
        seconds = float((scan.pts[-1] + scan.durations[-1]) * form.time_base - origin)
        raise InputError(
            f"{escaped(job.clip)} is {seconds:.2f} s long: no frame is between --from and --to."
        )
    if sequencing.start is None and end is None:
        return numbers, None
    last = (scan.pts[numbers[-1]] + scan.durations[numbers[-1]]) * form.time_base
    return numbers, (scan.pts[numbers[0]] * form.time_base, last)


def _exact(seconds: float) -> Fraction:
    """Seconds as they were written: 0.2 is 1/5, not the binary number next to it."""
    return Fraction(seconds).limit_denominator(1_000_000)


def _times(numbers: list[int], scan: Scan, every: int) -> dict[int, tuple[int, int]]:
    """Pts and duration of each frame: it stays until the next one."""
    times = {}
    for number, after in zip(numbers, [*numbers[1:], None], strict=True):
        pts = scan.pts[number]
        length = scan.durations[number] * every if after is None else scan.pts[after] - pts
        times[number] = pts, length
    return times
