"""Options of the commands that make one picture: what happens while it runs, and beside it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stylecli.cli.declaring import FILES, OUTPUT, RUN, declared
from stylecli.cli.progress import Screen
from stylecli.errors import UsageError

if TYPE_CHECKING:
    from stylecli.transfer.progress import ProgressCallback

PREVIEW_SUFFIX = ".preview.jpg"


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


@contextlib.contextmanager
def listening(
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
    """Everybody who hears of each iteration; what they gathered is written at the end."""
    from stylecli.jobs.frames import ANIMATED, Animation, FrameFolder
    from stylecli.jobs.frames import Preview as PreviewFile
    from stylecli.jobs.losses_log import LossesLog

    if save_to is not None and save_every is None:
        raise UsageError("--save-to needs --save-every N.")
    heard: list[ProgressCallback] = [screen.step]
    closing: list[Callable[[], None]] = []
    if save_every is not None:
        target = save_to or output.with_name(f"{output.stem}-steps")
        if target.suffix.lower() in ANIMATED:
            animation = Animation(target, save_every)
            heard.append(animation)
            closing.append(animation.close)
        else:
            heard.append(FrameFolder(target, save_every))
    if preview:
        heard.append(PreviewFile(output.with_name(output.name + PREVIEW_SUFFIX)))
    if plot:
        log = LossesLog(*plot)
        heard.append(log)
        closing.append(log.close)
    with contextlib.ExitStack() as stack:
        if watch:
            from stylecli.jobs.watch import Watch as WatchPage

            page = stack.enter_context(WatchPage(watch_port))
            screen.say(f"Watch it at {page.url}")
            heard.append(page)
        yield heard
    for close in closing:
        close()
