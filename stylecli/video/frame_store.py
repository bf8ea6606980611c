"""Frame store: a folder of finished frames in 16 bits, each with the hash of what made it.

The next frame starts from the file, not from memory: so a run that was stopped, killed or shared
among processes gives the same bytes as one that was not.
"""

import contextlib
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from stylecli.atomic import remove_leftovers
from stylecli.errors import OutputError
from stylecli.images.embedded_text import read_recipe
from stylecli.images.formats import OutputOptions
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.messages import escaped, reason
from stylecli.output_guard import OutputGuard
from stylecli.provenance.recipe import Recipe, parse_recipe
from stylecli.video.frame_recipe import FramePlace, frame_text, place_in

_OURS: Final = re.compile(r"frame-\d{6}(\.pass1)?\.png|encoded\.\w+|\.stylecli-.*\.part")
DEPTH: Final = OutputOptions(bits=16)


class FrameStore:
    """A folder of finished frames, by number and key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder, or take over one of an earlier run. Raises `OutputError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            strangers = [p.name for p in self.folder.iterdir() if not _OURS.fullmatch(p.name)]
        except OSError as error:
            raise OutputError(f"cannot write {escaped(self.folder)}: {reason(error)}.") from error
        if strangers:
            raise OutputError(
                f"cannot keep frames in {escaped(self.folder)}: it holds {escaped(strangers[0])}, "
                "which is none: move it away, or choose another output."
            )
        remove_leftovers(self.folder)

    def path(self, number: int, *, first_pass: bool = False) -> Path:
        """The file of a frame; `first_pass` where another one follows."""
        return self.folder / f"frame-{number:06d}{'.pass1' if first_pass else ''}.png"

    def has(self, path: Path, key: str) -> bool:
        """Whether a frame is there, whole, and of this key."""
        place = place_in(path)
        return place is not None and place.key == key

    def read(self, path: Path) -> torch.Tensor:
        """A finished frame, (3, H, W) in [0, 1]."""
        return read_picture(path).pixels

    def write(self, path: Path, pixels: torch.Tensor, recipe: Recipe, place: FramePlace) -> None:
        """Keep a finished frame. Raises `OutputError`, also for a file that is no frame."""
        if path.exists() and place_in(path) is None:
            raise OutputError(f"{escaped(path)} is no frame of this program: move it away.")
        guard, text = OutputGuard(replace=True), frame_text(replace(recipe, output=DEPTH), place)
        write_picture(path, pixels, options=DEPTH, recipe=text, guard=guard)

    def remove(self) -> None:
        """Remove the folder with what is ours in it."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)


def write_frame(frame: Path, target: Path, options: OutputOptions, guard: OutputGuard) -> None:
    """Write a finished frame as a picture of its own, with its recipe. Raises `OutputError`."""
    recipe, place = parse_recipe(read_recipe(frame) or ""), place_in(frame)
    assert place is not None  # it is of the store
    text = frame_text(replace(recipe, output=options), place)
    write_picture(target, read_picture(frame).pixels, options=options, recipe=text, guard=guard)
