"""Run one job: read the pictures, stylise, write the picture with its recipe inside."""

from typing import Any

from stylecli import transfer
from stylecli.jobs.checks import check_job
from stylecli.jobs.job import Job
from stylecli.jobs.studio import DownloadCallback, JobResult, MessageCallback, Studio
from stylecli.transfer.progress import ProgressCallback


def run_job(
    job: Job,
    *,
    on_progress: ProgressCallback | None = None,
    on_message: MessageCallback | None = None,
    on_download: DownloadCallback | None = None,
    resume: dict[str, Any] | None = None,
) -> JobResult:
    """Make one picture from files to a file; nothing is written unless all of it is.

    `resume` is a state that `Progress.state` gave in a run of the same job. Raises `InputError`,
    `OutputError`, `WeightsError`, `UsageError` or `MemoryLimitError`.
    """
    studio = Studio(on_message=on_message, on_download=on_download)
    check_job(job)
    studio.say("Reading the pictures")
    prepared = studio.prepare(job)
    studio.encoder(job.settings)
    studio.say("Stylising")
    (result,) = studio.make([prepared], on_progress=on_progress, resume=resume)
    return studio.deliver(prepared, result)


def plan_job(
    job: Job,
    *,
    on_message: MessageCallback | None = None,
    on_download: DownloadCallback | None = None,
) -> transfer.Plan:
    """What `run_job` would do on this machine; raises as it does, and writes nothing."""
    studio = Studio(on_message=on_message, on_download=on_download)
    check_job(job)
    content = studio.prepare(job).inputs.content
    encoder = studio.encoder(job.settings)
    size = (content.height, content.width)
    return transfer.plan_run(size, job.settings, job.compute, encoder)
