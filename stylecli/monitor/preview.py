"""A preview: one picture that is kept fresh while a run goes on."""

import time
from pathlib import Path
from typing import Final

from stylecli.errors import UsageError
from stylecli.images.formats import WRITABLE, OutputOptions
from stylecli.images.writing import write_picture
from stylecli.messages import escaped
from stylecli.monitor.frames import PREVIEW_QUALITY
from stylecli.output_guard import OutputGuard
from stylecli.transfer.results import Progress

FRESH: Final = 2.0  # seconds between two previews


class Preview:
    """Progress callback that rewrites one picture every few seconds, for a viewer."""

    def __init__(self, path: Path, every: float = FRESH, guard: OutputGuard | None = None) -> None:
        if path.suffix.lower() not in WRITABLE:
            raise UsageError(f"{escaped(path)}: a preview is one of {', '.join(WRITABLE)}.")
        self.path, self.every = path, every
        self.guard = guard or OutputGuard(replace=True)
        self.written = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Rewrite the picture where it is due; raises `OutputError` where that fails."""
        now = time.monotonic()
        if now - self.written < self.every and not progress.is_last:
            return
        options = OutputOptions(quality=PREVIEW_QUALITY)
        image, alpha = progress.image(), progress.alpha()
        write_picture(self.path, image, alpha=alpha, options=options, guard=self.guard)
        self.guard.claim(self.path)
        self.written = time.monotonic()
