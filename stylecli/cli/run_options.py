"""Options of the commands that make one picture: files and pages written while it runs."""

from pathlib import Path
from typing import Annotated, Final

from stylecli.cli.option_factory import DEVICE, FILES, OUTPUT, RUN, declared
from stylecli.errors import UsageError
from stylecli.images.discovery import STREAM
from stylecli.images.formats import WRITABLE
from stylecli.messages import escaped
from stylecli.monitor.side_files import SideFiles
from stylecli.output_guard import beside

PREVIEW_SUFFIX: Final = ".preview.jpg"
FRAMES_SUFFIX: Final = "-steps"
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
Explain = Annotated[
    bool, declared("explain", DEVICE, "Print what each setting is set to, and why, and stop.")
]
SaveRecipe = Annotated[
    Path | None,
    declared(
        "save_recipe", FILES, "Write the settings to a file for --config.", metavar="FILE.toml"
    ),
]


def side_files(
    output: Path,
    *,
    save_every: int | None,
    save_to: Path | None,
    preview: bool,
    plot: list[Path] | None,
    save_recipe: Path | None,
) -> SideFiles:
    """The files beside the picture that the options ask for. Raises `UsageError`."""
    if save_to is not None and save_every is None:
        raise UsageError("--save-to needs --save-every N.")
    if save_to is not None and save_to.suffix.lower() in NO_FRAMES:
        raise UsageError(
            f"--save-to {escaped(save_to)}: use a folder, or an animation (.webp, .gif)."
        )
    if output == STREAM and (preview or (save_every is not None and save_to is None)):
        raise UsageError("-o - has no folder to keep pictures of the run in: give --save-to.")
    frames = save_to or beside(output.with_suffix(""), FRAMES_SUFFIX)
    return SideFiles(
        every=save_every or 1,
        frames=None if save_every is None else frames,
        preview=beside(output, PREVIEW_SUFFIX) if preview else None,
        plot=tuple(plot or ()),
        recipe=save_recipe,
    )
