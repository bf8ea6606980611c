"""Frames of a run: every N-th picture, in a folder or as an animation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy
import torch
from PIL import Image

from stylecli.errors import UsageError
from stylecli.images.alpha import on_white
from stylecli.images.writing import to_pil, write_picture
from stylecli.messages import escaped
from stylecli.monitor.side_files import ANIMATED, is_animation
from stylecli.output_guard import OutputGuard
from stylecli.transfer.resample import Size, fit, resize
from stylecli.transfer.results import Progress

LONGEST: Final = 1024  # pixels of an animation's long side
MILLISECONDS: Final = 120  # each frame is shown; the last one longer
REST: Final = 2000
PREVIEW_QUALITY: Final = 85


class FrameFolder:
    """Progress callback that writes every N-th picture into a folder, numbered in order."""

    def __init__(self, folder: Path, every: int, guard: OutputGuard | None = None) -> None:
        self.folder, self.every = folder, every
        self.guard = guard or OutputGuard(replace=True)
        self.count = self.written = 0

    def __call__(self, progress: Progress) -> None:
        """Write the N-th picture; raises `OutputError` where that fails."""
        self.count += 1
        if self.count % self.every:
            return
        self.written += 1
        name = f"{self.written:04d}_{progress.width}x{progress.height}_{self.count:05d}.png"
        write_picture(
            self.folder / name, progress.image(), alpha=progress.alpha(), guard=self.guard
        )

    def state_dict(self) -> dict[str, Any]:
        """State for a later run that goes on with the numbers."""
        return {"count": self.count, "written": self.written}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.count, self.written = int(saved["count"]), int(saved["written"])


class Animation:
    """Progress callback that keeps every N-th picture; `close` writes one WebP or GIF."""

    def __init__(self, path: Path, every: int, guard: OutputGuard | None = None) -> None:
        if not is_animation(path):
            raise UsageError(
                f"{escaped(path)} is no animation: use one of {', '.join(ANIMATED)}, or a folder."
            )
        self.path, self.every = path, every
        self.guard = guard or OutputGuard(replace=True)
        self.count = 0
        self.frames: list[Image.Image] = []
        self.size: Size = (0, 0)

    def __call__(self, progress: Progress) -> None:
        """Keep a small copy of the N-th picture, and of the last one."""
        self.count += 1
        if self.count % self.every and not progress.is_last:
            return
        image, alpha = progress.image(), progress.alpha()
        if alpha is not None:  # GIF has no soft edges, and readers of WebP show black
            image = on_white(image, alpha)
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

        self.guard.write(self.path, write)
        self.guard.claim(self.path)

    def state_dict(self) -> dict[str, Any]:
        """State for a later run that goes on with the frames: tensors (H, W, 3) of uint8."""
        frames = {
            str(index): torch.from_numpy(numpy.array(frame))
            for index, frame in enumerate(self.frames)
        }
        return {"count": self.count, "size": list(self.size), "frames": frames}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from `state_dict`; raises `ValueError` for frames that are none."""
        frames = [saved["frames"][str(index)] for index in range(len(saved["frames"]))]
        height, width = map(int, saved["size"])
        shapes = {(frame.dtype, frame.ndim, frame.shape[-1]) for frame in frames}
        if max(height, width) > LONGEST or not shapes <= {(torch.uint8, 3, 3)}:
            raise ValueError("its frames make no sense")
        self.count, self.size = int(saved["count"]), (height, width)
        self.frames = [Image.fromarray(frame.numpy()) for frame in frames]

    def _enlarged(self, frame: Image.Image) -> Image.Image:
        height, width = self.size
        return frame.resize((width, height), Image.Resampling.BICUBIC)
