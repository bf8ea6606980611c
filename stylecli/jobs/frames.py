"""Pictures from the middle of a run: a folder of them, an animation, or one that is kept fresh."""

import time
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image

from stylecli.errors import UsageError
from stylecli.files import write_atomically
from stylecli.images import to_pil, write_picture
from stylecli.images.formats import WRITABLE, OutputOptions, shown
from stylecli.transfer.progress import Progress
from stylecli.transfer.resample import Size, fit, resize

ANIMATED: Final = (".webp", ".gif")
LONGEST: Final = 1024  # pixels of an animation's long side
MILLISECONDS: Final = 120  # each frame is shown; the last one longer
REST: Final = 2000
FRESH: Final = 2.0  # seconds between two previews
PREVIEW_QUALITY: Final = 85


class FrameFolder:
    """Writes every N-th picture into a folder, numbered in order."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.count = self.written = 0

    def __call__(self, progress: Progress) -> None:
        """Raises `OutputError` where a picture cannot be written."""
        self.count += 1
        if self.count % self.every:
            return
        self.written += 1
        name = f"{self.written:04d}_{progress.width}x{progress.height}_{self.count:05d}.png"
        write_picture(self.folder / name, progress.image())


class Animation:
    """Gathers every N-th picture; `close` writes them as one WebP or GIF."""

    def __init__(self, path: Path, every: int) -> None:
        if path.suffix.lower() not in ANIMATED:
            raise UsageError(
                f"{shown(path)} is no animation: use one of {', '.join(ANIMATED)}, or a folder."
            )
        self.path, self.every = path, every
        self.count = 0
        self.frames: list[Image.Image] = []
        self.size: Size = (0, 0)

    def __call__(self, progress: Progress) -> None:
        """Keep a small copy; of the last picture in any case."""
        self.count += 1
        if self.count % self.every and not _is_last(progress):
            return
        image = progress.image()
        self.size = (progress.height, progress.width)
        if max(self.size) > LONGEST:
            self.size = fit(self.size, LONGEST)
            image = resize(image[None], self.size)[0]
        self.frames.append(to_pil(image))

    def close(self) -> None:
        """Write the animation, every frame as large as the last; raises `OutputError`."""
        if not self.frames:
            return  # the run itself had not one iteration
        frames = [self._enlarged(frame) for frame in self.frames]
        times = [MILLISECONDS] * (len(frames) - 1) + [REST]
        kind = "WEBP" if self.path.suffix.lower() == ".webp" else "GIF"
        more: dict[str, Any] = {"quality": PREVIEW_QUALITY} if kind == "WEBP" else {}

        def write(file: BinaryIO) -> None:
            first, *others = frames
            first.save(
                file, kind, save_all=True, append_images=others, duration=times, loop=0, **more
            )

        write_atomically(self.path, write)

    def _enlarged(self, frame: Image.Image) -> Image.Image:
        height, width = self.size
        return frame.resize((width, height), Image.Resampling.BICUBIC)


class Preview:
    """Rewrites one picture every few seconds, for a viewer that reloads it."""

    def __init__(self, path: Path, every: float = FRESH) -> None:
        if path.suffix.lower() not in WRITABLE:
            raise UsageError(f"{shown(path)}: a preview is one of {', '.join(WRITABLE)}.")
        self.path, self.every = path, every
        self.written = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Raises `OutputError` where it cannot be written."""
        now = time.monotonic()
        if now - self.written < self.every and not _is_last(progress):
            return
        options = OutputOptions(quality=PREVIEW_QUALITY)
        write_picture(self.path, progress.image(), options=options)
        self.written = time.monotonic()


def _is_last(progress: Progress) -> bool:
    return progress.scale == progress.scales and progress.iteration == progress.iterations
