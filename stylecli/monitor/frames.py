"""Frames of a run: every N-th picture, in a folder or as an animation."""

from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image

from stylecli.atomic import write_atomically
from stylecli.errors import UsageError
from stylecli.images import to_pil, write_picture
from stylecli.messages import escaped
from stylecli.transfer.resample import Size, fit, resize
from stylecli.transfer.results import Progress

ANIMATED: Final = (".webp", ".gif")
LONGEST: Final = 1024  # pixels of an animation's long side
MILLISECONDS: Final = 120  # each frame is shown; the last one longer
REST: Final = 2000
PREVIEW_QUALITY: Final = 85


class FrameFolder:
    """Progress callback that writes every N-th picture into a folder, numbered in order."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.count = self.written = 0

    def __call__(self, progress: Progress) -> None:
        """Write the N-th picture; raises `OutputError` where that fails."""
        self.count += 1
        if self.count % self.every:
            return
        self.written += 1
        name = f"{self.written:04d}_{progress.width}x{progress.height}_{self.count:05d}.png"
        write_picture(self.folder / name, progress.image())


class Animation:
    """Progress callback that keeps every N-th picture; `close` writes one WebP or GIF."""

    def __init__(self, path: Path, every: int) -> None:
        if path.suffix.lower() not in ANIMATED:
            raise UsageError(
                f"{escaped(path)} is no animation: use one of {', '.join(ANIMATED)}, or a folder."
            )
        self.path, self.every = path, every
        self.count = 0
        self.frames: list[Image.Image] = []
        self.size: Size = (0, 0)

    def __call__(self, progress: Progress) -> None:
        """Keep a small copy of the N-th picture, and of the last one."""
        self.count += 1
        if self.count % self.every and not is_last(progress):
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
        quality: dict[str, Any] = {"quality": PREVIEW_QUALITY} if kind == "WEBP" else {}

        def write(file: BinaryIO) -> None:
            first, *others = frames
            first.save(
                file, kind, save_all=True, append_images=others, duration=times, loop=0, **quality
            )

        write_atomically(self.path, write)

    def _enlarged(self, frame: Image.Image) -> Image.Image:
        height, width = self.size
        return frame.resize((width, height), Image.Resampling.BICUBIC)


def is_last(progress: Progress) -> bool:
    """Whether this is the last iteration of the last scale."""
    return progress.scale == progress.scales and progress.iteration == progress.iterations
