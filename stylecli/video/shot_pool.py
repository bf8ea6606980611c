"""Shots in this process or shared among several: a shot needs no other one."""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Final

import torch

from stylecli.batch.processes import (
    end_with_parent,
    most_workers,
    starting_processes,
    worker_context,
)
from stylecli.batch.worker_count import threads_each
from stylecli.encoder.callbacks import MessageCallback
from stylecli.errors import MemoryLimitError
from stylecli.messages import ignore
from stylecli.pipeline.session import Session
from stylecli.transfer.compute.ambient_state import standard_state
from stylecli.video.frame_store import FrameStore
from stylecli.video.shots import Shot, ShotMaker
from stylecli.video.video_job import VideoJob

if TYPE_CHECKING:
    from stylecli.video.video_plan import VideoPlan

OnShare = Callable[[float, str], None]  # what is done of all, in [0, 1], and in words
_POLL: Final = 1.0  # seconds between looks at the store


def make_shots(
    plan: "VideoPlan",
    store: FrameStore,
    workers: int,
    session: Session,
    on_share: OnShare,
    on_message: MessageCallback,
) -> None:
    """Make all shots, in `workers` processes where there are as many shots.

    Raises `MemoryLimitError` where a process died, and what a shot raises.
    """
    total = len(plan.numbers) * plan.job.sequencing.passes
    workers = min(workers, len(plan.shots), most_workers())
    if workers > 1:
        _make_in_processes(plan, store, workers, total, on_share)
        return
    maker = ShotMaker(plan.job, plan.clip, store, session)
    done = 0

    def on_frame(number: int, share: float) -> None:
        nonlocal done
        done += share == 1.0
        part = 0.0 if share == 1.0 else share
        on_share(min(1.0, (done + part) / total), f"frame {number}, {done} of {total}")

    for shot in plan.shots:
        maker.make(shot, on_frame)


def _make_in_processes(
    plan: "VideoPlan", store: FrameStore, workers: int, total: int, on_share: OnShare
) -> None:
    pool = ProcessPoolExecutor(workers, worker_context(), _begin, (threads_each(workers),))
    try:
        with starting_processes():
            waiting: set[Future[None]] = {
                pool.submit(_make_shot, plan.job, shot, store)
                for shot in sorted(plan.shots, key=lambda shot: -len(shot.numbers))
            }
        while waiting:
            ended, waiting = wait(waiting, _POLL, FIRST_COMPLETED)
            done = sum(1 for _ in store.folder.glob("frame-*.png"))
            on_share(min(1.0, done / total), f"{done} of {total}")
            for one in ended:
                one.result()
    except BrokenProcessPool as error:
        raise MemoryLimitError(
            "a process that made a shot died: memory may be too small; the frames are kept, so "
            "the same command with fewer --workers goes on."
        ) from error
    finally:
        _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the pool at once: finished frames are in the store, others are not wanted any more."""
    processes: Sequence[Any] = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        with contextlib.suppress(OSError, ValueError):
            process.kill()


def _begin(threads: int) -> None:
    """First of all in a worker: its share of the cores, and an end with its parent."""
    end_with_parent()
    torch.set_num_threads(threads)


@standard_state()
def _make_shot(job: VideoJob, shot: Shot, store: FrameStore) -> None:
    ShotMaker(job, job.open_clip(), store).make(shot, ignore)
