"""How long a clip will take: seconds of a shot's first frame, and of one that follows."""

from dataclasses import replace

from stylecli.encoder.callbacks import MessageCallback
from stylecli.pipeline.session import Session
from stylecli.transfer import plan_run
from stylecli.transfer.temporal_target import Continuation
from stylecli.video.following import SCALES, SHARE
from stylecli.video.frame_store import FrameStore
from stylecli.video.shots import ShotMaker
from stylecli.video.video_plan import VideoPlan


def predicted_seconds(plan: VideoPlan, on_message: MessageCallback) -> tuple[float, float]:
    """Seconds of a first and of a following frame, from one small iteration, ± a third."""
    session = Session(on_message=on_message)
    maker = ShotMaker(plan.job, plan.clip, FrameStore(plan.job.store_folder), session)
    frame = next((one for one in plan.clip.frames() if not maker.is_blank(one)), None)
    if frame is None:
        return 0.0, 0.0
    job, (request, _) = plan.job.frame_job(frame.number), maker.prepared_request(frame)
    first = plan_run(request, job.compute, session.encoder(job))
    seconds = [scale.seconds for scale in first.scales]
    if plan.job.sequencing.temporal == 0.0:
        return sum(seconds), sum(seconds)
    shorter = replace(request, continuation=Continuation(SCALES, SHARE))
    following = plan_run(shorter, job.compute, session.encoder(job))
    return sum(seconds), sum(scale.seconds for scale in following.scales)
