"""The run of a planned batch: its engine, one bar for all, failures as they come."""

from pathlib import Path
from typing import TYPE_CHECKING

from stylecli.batch.manifest import Manifest
from stylecli.batch.planning import TOGETHER, BatchPlan
from stylecli.batch.processes import start_forkserver
from stylecli.batch.scheduling import ClusterOptions
from stylecli.cli.batch_preview import print_error, print_failure
from stylecli.cli.progress import Screen

if TYPE_CHECKING:
    from stylecli.batch.outcome import Outcome
    from stylecli.batch.runner import Engine, Summary


def choose_engine(screen: Screen, engine: str, options: ClusterOptions, jobs: int) -> "Engine":
    """The engine by its name, with so many workers."""
    screen.say("Loading PyTorch")
    if engine == "ray":
        from stylecli.batch.ray_engine import RayEngine

        return RayEngine(options, on_message=screen.say, on_download=screen.download)
    workers = options.workers
    # Workers load PyTorch while this process does, where there may be some: two groups of jobs.
    if (workers or jobs // TOGETHER) > 1:
        start_forkserver()
    from stylecli.batch.pool import LocalEngine, SerialEngine

    serial = SerialEngine(on_message=screen.say, on_download=screen.download)
    return LocalEngine(serial, workers)


def run_plan(
    screen: Screen,
    plan: BatchPlan,
    engine: "Engine",
    folder: Path,
    *,
    fail_fast: bool = False,
) -> "Summary":
    """Run a plan's jobs with one bar for all; failures are printed as they come."""
    from stylecli.batch.runner import run_batch

    total = len(plan.jobs) + len(plan.failures)
    ended = 0

    def report(outcome: "Outcome") -> None:
        nonlocal ended
        ended += 1
        if outcome.status == "failed":
            print_failure(screen, outcome)
        for note in outcome.notes:
            screen.note(note)
        screen.advance(ended / total, f"{ended} of {total}")

    summary = run_batch(
        plan.jobs,
        engine,
        Manifest(folder),
        failures=plan.failures,
        fail_fast=fail_fast,
        on_outcome=report,
        on_fraction=lambda fraction: screen.advance(fraction, f"{ended} of {total}"),
    )
    if summary.error is not None:
        print_error(screen, str(summary.error))
    return summary
