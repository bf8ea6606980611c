"""Making a shot: frame after frame, each from the files of those before it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from stylecli.bounded_cache import BoundedCache
from stylecli.pipeline.session import Prepared, Session
from stylecli.pipeline.sources import Source, SourceReader
from stylecli.provenance.recipe import Recipe
from stylecli.transfer import Request
from stylecli.transfer.resample import resize
from stylecli.transfer.results import Progress
from stylecli.transfer.schedule import output_size
from stylecli.video.clip import Clip, ClipFrame, Pixels
from stylecli.video.following import Past, following_request, past_images
from stylecli.video.frame_masks import PaintedParts, check_colors, is_blank
from stylecli.video.frame_recipe import FramePlace, base_key, bounds_of, chained_keys
from stylecli.video.frame_store import FrameStore
from stylecli.video.motion import MotionTracker
from stylecli.video.video_job import VideoJob

CHUNK: Final = 32  # frames in memory at a time on the way back
OnFrame = Callable[[int, float], None]  # a frame's number and the share of it that is done


@dataclass(frozen=True)
class Shot:
    """Frames of a clip from one cut to the next, by their numbers, and the recipe of them all."""

    numbers: tuple[int, ...]
    recipe: Recipe


class ShotMaker:
    """Makes shots of a job, with one encoder and one cache of styles for all."""

    def __init__(
        self, job: VideoJob, clip: Clip, store: FrameStore, session: Session | None = None
    ) -> None:
        self.job, self.clip, self.store = job, clip, store
        self.reader = SourceReader()
        self.session = session or Session()
        self.session.reader = self.reader
        self.prepared: BoundedCache[int, Prepared] = BoundedCache(1)  # asked for again and again

    def make(self, shot: Shot, on_frame: OnFrame) -> None:
        """Make all frames of a shot that the store does not have yet."""
        passes = self.job.sequencing.passes
        for number in range(1, passes + 1):
            _Pass(self, shot, number, passes).run(on_frame)

    def prepared_request(self, frame: ClipFrame) -> "tuple[Request, Callable[..., torch.Tensor]]":
        """The request of a frame as a still picture, and a function that makes one like it."""
        prepared = self.prepared.get_or_make(frame.number, lambda: self._prepare(frame))

        def make(request: Request, on_progress: Callable[[Progress], None]) -> torch.Tensor:
            ready = replace(prepared, request=request)
            (result,) = self.session.make([ready], on_progress=on_progress)
            return result.image

        return prepared.request, make

    def _prepare(self, frame: ClipFrame) -> Prepared:
        job = self.job.frame_job(frame.number)
        sources: dict[Path, Source] = {job.content: as_tensor(frame.pixels)}
        if job.mask is not None and frame.mask is not None:
            sources[job.mask] = mask = as_tensor(frame.mask)
            check_colors(mask, job, frame.number)
        self.reader.sources = sources
        return self.session.prepare(job)

    def is_blank(self, frame: ClipFrame) -> bool:
        """Whether the mask of a frame leaves nothing of it to paint."""
        mask = frame.mask
        return mask is not None and is_blank(as_tensor(mask), self.job, len(self.job.styles))

    def painted_part(self, frame: ClipFrame) -> torch.Tensor | None:
        """A mask (1, H, W) of the part of a frame that is painted, `None` for all of it."""
        if self.job.mask is None:
            return None
        if self.is_blank(frame):
            return torch.zeros(1, 1, 1)
        return self.prepared_request(frame)[0].free


class _Pass:
    """One way through a shot: the first forward, the second back from its end."""

    def __init__(self, maker: ShotMaker, shot: Shot, number: int, passes: int) -> None:
        self.maker, self.store = maker, maker.store
        self.temporal = maker.job.sequencing.temporal
        self.backward = number == 2
        self.intermediate = number < passes
        self.numbers = shot.numbers[::-1] if self.backward else shot.numbers
        self.shot = shot
        base = base_key(shot.recipe, self.temporal)
        self.keys = chained_keys(f"{base} {number}", self.numbers)
        # Of the shot's first frame, as its colors are the shot's; but regions that come and go
        # have styles of their own in each frame.
        self.styles: Request | None = None
        self.painted = PaintedParts()

    def run(self, on_frame: OnFrame) -> None:
        paths = [self.store.path(n, first_pass=self.intermediate) for n in self.numbers]
        kept = [self.store.has(*one) for one in zip(paths, self.keys, strict=True)]
        for number, there in zip(self.numbers, kept, strict=True):
            if there:
                on_frame(number, 1.0)
        if all(kept):
            return
        tracker = MotionTracker()
        before: ClipFrame | None = None
        frames = frames_of(self.maker.clip, self.numbers)
        for place, frame in enumerate(frames):
            motions = tracker.advance(frame.pixels) if self.temporal > 0.0 else []
            self.painted.advance(self.maker.painted_part(frame))
            if self.styles is None and frame.mask is None:
                self.styles, _ = self.maker.prepared_request(self._first(frame))
            if not kept[place]:
                if before is not None and _is_same(before, frame):
                    pixels = self.store.read(paths[place - 1])
                else:

                    def result_at(place: int) -> torch.Tensor:
                        return self.store.read(paths[place])

                    settings = self.maker.job.settings
                    past = past_images(motions, result_at, settings, self.painted.trusted)
                    pixels = self._made(frame, past, on_frame)
                self.store.write(paths[place], pixels, self.shot.recipe, self._place(place))
                on_frame(frame.number, 1.0)
            before = frame

    def _place(self, place: int) -> FramePlace:
        passes = self.maker.job.sequencing.passes
        key, number = self.keys[place], self.numbers[place]
        needed = self.shot.numbers
        if passes == 1:  # only the way back needs those after it
            needed = needed[: needed.index(number) + 1]
        return FramePlace(key, number, bounds_of(needed), passes, self.temporal)

    def _first(self, frame: ClipFrame) -> ClipFrame:
        """The frame that the shot's colors are taken from: its first, in either direction."""
        if not self.backward:
            return frame
        return next(frames_of(self.maker.clip, self.numbers[-1:]))

    def _made(self, frame: ClipFrame, past: Sequence[Past], on_frame: OnFrame) -> torch.Tensor:
        if self.maker.is_blank(frame):
            height, width = frame.pixels.shape[:2]
            size = output_size((height, width), self.maker.job.settings)
            return resize(as_tensor(frame.pixels)[None], size)[0].clamp(0.0, 1.0)
        start = None
        if self.backward:
            start = self.store.read(self.store.path(frame.number, first_pass=True))
            if not past:  # the shot's last frame is where the way back begins
                return start
        request, make = self.maker.prepared_request(frame)
        if self.styles is not None:
            request = replace(request, styles=self.styles.styles)
        if past:
            if start is not None:  # halfway between both directions
                past = [replace(one, image=(one.image + start) / 2) for one in past]
            request = following_request(request, past, self.temporal, start)
        return make(request, lambda progress: on_frame(frame.number, min(progress.fraction, 0.99)))


def frames_of(clip: Clip, numbers: Sequence[int]) -> Iterator[ClipFrame]:
    """Frames by their numbers, which rise, or fall all the way."""
    if len(numbers) > 1 and numbers[0] > numbers[-1]:
        for end in range(0, len(numbers), CHUNK):
            part = numbers[end : end + CHUNK]
            yield from reversed(list(frames_of(clip, part[::-1])))
        return
    wanted, last = set(numbers), max(numbers)
    for frame in clip.frames():
        if frame.number in wanted:
            yield frame
        if frame.number >= last:
            return


def _is_same(one: ClipFrame, other: ClipFrame) -> bool:
    if one.mask is not None and other.mask is not None:
        return np.array_equal(one.mask, other.mask) and np.array_equal(one.pixels, other.pixels)
    return np.array_equal(one.pixels, other.pixels)


def as_tensor(pixels: Pixels) -> torch.Tensor:
    """A frame (H, W, 3) as a picture (3, H, W) in [0, 1]."""
    top = 65535 if pixels.dtype == np.uint16 else 255
    whole = torch.from_numpy(pixels.astype(np.float32))
    return whole.permute(2, 0, 1).contiguous() / top
