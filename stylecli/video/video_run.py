"""A run of a clip: plan, shots, then the container; nothing is written before all frames are."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.images.reading import read_picture
from stylecli.output_guard import follow_link
from stylecli.pipeline.session import Session
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.video.clip_writer import Timed, encode_clip
from stylecli.video.container_clip import ContainerClip
from stylecli.video.frame_store import FrameStore, write_frame
from stylecli.video.shot_pool import OnShare, make_shots
from stylecli.video.video_job import VideoJob, open_clip
from stylecli.video.video_plan import VideoPlan, guard_of_video, picture_paths, plan_video

_COPIED: Final = 2**20  # bytes at a time


@dataclass(frozen=True)
class VideoResult:
    """A clip that has been written; `size` is (height, width) in pixels."""

    output: Path
    frames: int
    shots: int
    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...] = ()


@standard_state()
def run_video(
    job: VideoJob,
    *,
    workers: int = 1,
    on_message: MessageCallback,
    on_share: OnShare,
    on_download: DownloadCallback | None = None,
) -> VideoResult:
    """Make a clip; finished frames of an earlier run of the same job are taken over.

    Raises `UsageError`, `InputError`, `OutputError`, `WeightsError` or `MemoryLimitError`.
    """
    started = time.perf_counter()
    plan = plan_video(job, on_message)
    store = FrameStore(job.store_folder)
    store.open()
    session = Session(on_message=on_message, on_download=on_download)
    session.encoder(plan.job.frame_job(0))  # downloaded here, once for all workers
    make_shots(plan, store, workers, session, on_share, on_message)
    on_message("Writing the clip")
    _write(plan, store)
    if not job.keep_frames:
        store.remove()
    seconds = time.perf_counter() - started
    count, shots = len(plan.numbers), len(plan.shots)
    return VideoResult(job.output, count, shots, plan.size, seconds, _notes(plan))


def _write(plan: VideoPlan, store: FrameStore) -> None:
    job = plan.job
    guard = guard_of_video(job)
    if job.writes_pictures:
        for number, path in picture_paths(plan).items():
            write_frame(store.path(number), path, job.output_options, guard)
        return
    encoded = store.folder / f"encoded{job.output.suffix.lower()}"
    clip = open_clip(job.clip)
    sound = clip if isinstance(clip, ContainerClip) else None
    encode_clip(encoded, _timed(plan, store), plan.format, job.encoding, sound, plan.window)

    def copy(file: BinaryIO) -> None:
        with encoded.open("rb") as source:
            shutil.copyfileobj(source, file, _COPIED)

    guard.write(follow_link(job.output), copy)
    encoded.unlink()


def _timed(plan: VideoPlan, store: FrameStore) -> Iterator[Timed]:
    """Finished frames as 16-bit arrays, with their times."""
    for number, (pts, duration) in plan.times.items():
        pixels = read_picture(store.path(number)).pixels
        scaled = (pixels * 65535).round().permute(1, 2, 0).contiguous().numpy()
        yield scaled.astype(np.uint16), pts, duration


def _notes(plan: VideoPlan) -> tuple[str, ...]:
    if plan.job.writes_pictures:
        return ()
    (height, width), codec = plan.size, plan.job.encoding.codec
    notes = []
    if codec == "h264" and (height % 2 or width % 2):
        notes.append(
            f"{width}x{height} has an odd side, so the colors are not halved (4:4:4), which some "
            "players do not show: another --size helps."
        )
    aspect = plan.format.sample_aspect
    if aspect != 1 and codec != "h264" and plan.job.output.suffix.lower() == ".mkv":
        notes.append(
            f"the pixels of the clip are not square ({aspect.numerator}:{aspect.denominator}), "
            f"which {codec} does not say in .mkv: h264 does, and av1 in .mp4."
        )
    return tuple(notes)
