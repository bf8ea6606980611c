"""Recorder: writes the side files of a run, none of which may cost the picture."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from stylecli.errors import InputError, StylecliError
from stylecli.job import Job, files_named_by
from stylecli.monitor.frames import Animation, FrameFolder
from stylecli.monitor.loss_log import LossesLog
from stylecli.monitor.preview import Preview
from stylecli.monitor.side_files import SideFiles, is_animation
from stylecli.output_guard import OutputGuard
from stylecli.settings.toml_file import write_settings
from stylecli.tensor_file import MALFORMED_DATA_ERRORS
from stylecli.transfer.results import Progress

_PARTS: Final = ("frames", "log")  # that keep something from iteration to iteration


class Recorder:
    """Progress callback that writes side files; `close` writes those that gather all of a run.

    One that fails is reported by `on_note`, once, and is not tried again. Raises `UsageError` for
    names that make no sense.
    """

    def __init__(self, files: SideFiles, job: Job, on_note: Callable[[str], None]) -> None:
        self.files, self.settings, self.on_note = files, job.settings, on_note
        inputs = (*job.files_read, job.output)
        self.guard = OutputGuard(inputs, replace=job.existing == "overwrite")
        self.failed: set[str] = set()
        self.pending = False  # something has been gathered and is not written
        self.frames = None if files.frames is None else self._new_frames(files.frames)
        self.preview = None if files.preview is None else Preview(files.preview, guard=self.guard)
        self.log = LossesLog(*files.plot, guard=self.guard) if files.plot else None

    def __call__(self, progress: Progress) -> None:
        """Write what is due after an iteration."""
        self.pending = True
        for name in ("frames", "preview", "log"):
            writer = getattr(self, name)
            if writer is not None:
                self._attempt(name, functools.partial(writer, progress))

    def close(self) -> None:
        """Write what has been gathered so far, if there is anything."""
        if not self.pending:
            return
        self.pending = False
        if isinstance(self.frames, Animation):
            self._attempt("frames", self.frames.close)
        if self.log is not None:
            self._attempt("log", self.log.close)
        if self.files.recipe is not None:
            self._attempt("recipe", functools.partial(self._write_recipe, self.files.recipe))

    def state_dict(self, folder: Path, *, stop: bool) -> dict[str, Any]:
        """State for a later run that goes on; with `stop` all files are written first.

        `digests` are the SHA-256 of what has been written, by name: that is what it may replace.
        """
        if stop:
            self.close()
        digests = {str(path.name): digest for path, digest in self.guard.digests.items()}
        parts = {name: getattr(self, name) for name in _PARTS}
        return {
            "files": self.files.to_dict(folder),
            "digests": digests,
            **{name: part and part.state_dict() for name, part in parts.items()},
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from `state_dict`. Raises `InputError` for values that make no sense."""
        try:
            for path in self.files.paths:
                if path.name in saved["digests"]:
                    self.guard.claim_same(path, str(saved["digests"][path.name]))
            for name in _PARTS:
                part = getattr(self, name)
                if part is not None:
                    part.load_state_dict(saved[name])
        except MALFORMED_DATA_ERRORS as error:
            raise InputError(
                "the checkpoint does not fit its own job: start again without it."
            ) from error

    def _new_frames(self, target: Path) -> FrameFolder | Animation:
        kind = Animation if is_animation(target) else FrameFolder
        return kind(target, self.files.every, self.guard)

    def _write_recipe(self, path: Path) -> None:
        write_settings(path, self.settings, files_named_by(self.settings), self.guard)
        self.guard.claim(path)

    def _attempt(self, name: str, write: Callable[[], object]) -> None:
        if name in self.failed:
            return
        try:
            write()
        except Exception as error:  # of whatever kind: the picture is worth more than its plot
            self.failed.add(name)
            expected = isinstance(error, StylecliError)
            self.on_note(str(error) if expected else f"{name}: {type(error).__name__}: {error}.")
