"""Replay of a frame: its shot is made again, up to it, from the recipe in its file."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stylecli.encoder.callbacks import MessageCallback
from stylecli.images.formats import format_of
from stylecli.job import Existing
from stylecli.output_guard import follow_link
from stylecli.pipeline.session import Session
from stylecli.provenance.job_from_recipe import replay_of
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.transfer.schedule import output_size
from stylecli.video.extras import check_extras
from stylecli.video.frame_recipe import ClipDigests, FramePlace, clip_recipe
from stylecli.video.frame_store import FrameStore, write_frame
from stylecli.video.shot_pool import OnShare, make_shots
from stylecli.video.shots import Shot
from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_plan import VideoPlan, guard_of_video


@dataclass(frozen=True)
class ReplayedFrame:
    """A frame that has been made again; `size` is (height, width) in pixels."""

    output: Path
    number: int
    size: tuple[int, int]
    notes: tuple[str, ...]


@standard_state()
def replay_frame(
    picture: Path,
    place: FramePlace,
    output: Path,
    *,
    moved: Sequence[Path] = (),
    existing: Existing = "refuse",
    on_message: MessageCallback,
    on_share: OnShare,
) -> ReplayedFrame:
    """Make the frame in a picture again, with all that it follows.

    Its inputs are found as `replay_of` finds those of a picture. Raises what that does,
    `OutputError` or `UsageError`.
    """
    check_extras()
    replayed = replay_of(picture, output, moved=moved, existing=existing, digests=ClipDigests())
    job = VideoJob(
        clip=replayed.job.content,
        styles=replayed.job.styles,
        output=output,
        sequencing=Sequencing(temporal=place.temporal, passes=place.passes),
        **replayed.job.as_keywords,
    )
    guard, _ = guard_of_video(job), format_of(output)
    target = follow_link(output)
    guard.check(target)
    clip = job.open_clip()
    size = output_size(clip.format.size, job.settings)
    shot = Shot(place.numbers, clip_recipe(job, size))
    times = dict.fromkeys(place.numbers, (0, 0))  # a frame alone is shown at no time
    plan = VideoPlan(job, clip, clip.format, size, (shot,), times, None)
    with tempfile.TemporaryDirectory(prefix="stylecli-") as folder:
        store = FrameStore(Path(folder))
        make_shots(plan, store, 1, Session(on_message=on_message), on_share, on_message)
        write_frame(store.path(place.number), target, job.output_options, guard)
    return ReplayedFrame(output, place.number, size, replayed.notes)
