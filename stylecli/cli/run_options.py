"""Options of the commands that make one picture: files and pages written while it runs."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from stylecli.cli.option_factory import FILES, OUTPUT, RUN, declared
from stylecli.cli.progress import Screen
from stylecli.errors import UsageError
from stylecli.images.discovery import STREAM
from stylecli.images.formats import WRITABLE
from stylecli.job import Job
from stylecli.messages import escaped
from stylecli.pipeline.preflight import check_beside

if TYPE_CHECKING:
    from stylecli.transfer.results import ProgressCallback

PREVIEW_SUFFIX: Final = ".preview.jpg"
NO_FRAMES: Final = frozenset(WRITABLE) - {".webp"} | {".mp4", ".mov", ".avi", ".mkv", ".webm"}

Force = Annotated[bool, declared("force", OUTPUT, "Replace an output that exists.", "-f")]
CheckpointEvery = Annotated[
    float | None,
    declared(
        "checkpoint_every",
        RUN,
        "Save the run every so many seconds, beside the output (Ctrl-C always saves it).",
        metavar="SECONDS",
        min=0.1,
    ),
]
SaveEvery = Annotated[
    int | None,
    declared("save_every", RUN, "Keep the picture after every N iterations.", metavar="N", min=1),
]
SaveTo = Annotated[
    Path | None,
    declared(
        "save_to",
        RUN,
        "Where to keep them: a folder, or an animation (.webp, .gif).",
        metavar="PATH",
    ),
]
Preview = Annotated[
    bool,
    declared(
        "preview",
        RUN,
        f"Keep a fresh picture of the run beside the output, as OUT{PREVIEW_SUFFIX}.",
    ),
]
Watch = Annotated[
    bool, declared("watch", RUN, "Show the run on a page of this machine, in a browser.")
]
WatchPort = Annotated[
    int,
    declared(
        "watch_port", RUN, "The page's port (default: any free one).", min=0, max=65535, metavar="N"
    ),
]
Plot = Annotated[
    list[Path] | None,
    declared(
        "plot",
        RUN,
        "Keep the losses: a plot (.png) or numbers (.csv, .jsonl); may be repeated.",
        metavar="PATH",
    ),
]
SaveRecipe = Annotated[
    Path | None,
    declared(
        "save_recipe", FILES, "Write the settings to a file for --config.", metavar="FILE.toml"
    ),
]


def frames_target(output: Path, save_to: Path | None) -> Path:
    """The folder or animation that pictures of the run are written to."""
    return save_to or output.with_name(f"{output.stem}-steps")


def check_run_files(
    job: Job,
    *,
    save_every: int | None,
    save_to: Path | None,
    preview: bool,
    plot: list[Path] | None,
    save_recipe: Path | None,
) -> None:
    """Raise for files beside the picture that make no sense, or would do harm.

    `UsageError` or `OutputError`.
    """
    if save_to is not None and save_every is None:
        raise UsageError("--save-to needs --save-every N.")
    if save_to is not None and save_to.suffix.lower() in NO_FRAMES:
        raise UsageError(
            f"--save-to {escaped(save_to)}: use a folder, or an animation (.webp, .gif)."
        )
    if job.output == STREAM and (preview or (save_every is not None and save_to is None)):
        raise UsageError("-o - has no folder to keep pictures of the run in: give --save-to.")
    beside = [*(plot or []), *([save_recipe] if save_recipe else [])]
    if save_every is not None:
        beside.append(frames_target(job.output, save_to))
    check_beside(job, beside, force=job.force)


@contextlib.contextmanager
def open_callbacks(
    screen: Screen,
    output: Path,
    *,
    save_every: int | None,
    save_to: Path | None,
    preview: bool,
    watch: bool,
    watch_port: int,
    plot: list[Path] | None,
) -> Iterator[list["ProgressCallback"]]:
    """The progress callbacks of a run; what they gathered is written at the end."""
    from stylecli.monitor.frames import ANIMATED, Animation, FrameFolder
    from stylecli.monitor.loss_log import LossesLog
    from stylecli.monitor.preview import Preview as PreviewFile

    callbacks: list[ProgressCallback] = [screen.step]
    closing: list[Callable[[], None]] = []
    if save_every is not None:
        target = frames_target(output, save_to)
        if target.suffix.lower() in ANIMATED:
            animation = Animation(target, save_every)
            callbacks.append(animation)
            closing.append(animation.close)
        else:
            callbacks.append(FrameFolder(target, save_every))
    if preview:
        callbacks.append(PreviewFile(output.with_name(output.name + PREVIEW_SUFFIX)))
    if plot:
        log = LossesLog(*plot)
        callbacks.append(log)
        closing.append(log.close)
    with contextlib.ExitStack() as stack:
        if watch:
            from stylecli.monitor.live_page import Watch as WatchPage

            page = stack.enter_context(WatchPage(watch_port))
            screen.announce(f"Watch it at {page.url}")
            callbacks.append(page)
        yield callbacks
    for close in closing:
        close()
