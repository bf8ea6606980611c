"""The dry run of a batch: what would be made, and what is bound to fail."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stylecli.batch.manifest import Manifest
from stylecli.batch.planning import BatchPlan, settled
from stylecli.cli.output import print_json
from stylecli.cli.parsed_options import ParsedOptions
from stylecli.cli.progress import Screen, open_screen
from stylecli.messages import escaped

if TYPE_CHECKING:
    from stylecli.batch.outcome import Outcome


def print_plan(plan: BatchPlan, folder: Path, options: ParsedOptions) -> int:
    """Print the jobs that would be run, one a line, and what is bound to fail."""
    Manifest(folder).check(path for job in plan.jobs for path in job.files_read)
    outcomes = dict(settled(plan.jobs))
    failed = {number for number, outcome in outcomes.items() if outcome.status == "failed"}
    possible = [job for number, job in enumerate(plan.jobs) if number not in failed]
    failures = [*plan.failures, *(outcomes[number] for number in sorted(failed))]
    if options.json:
        jobs = [
            {
                "content": str(job.content),
                "styles": list(map(str, job.styles)),
                "output": str(job.output),
            }
            for job in possible
        ]
        errors = [failure.to_dict() for failure in failures]
        print_json({"jobs": jobs, "failures": errors, "notes": list(plan.notes)})
    else:
        with open_screen(quiet=options.quiet) as screen:
            for note in plan.notes:
                screen.note(note)
            for job in possible:
                styles = " + ".join(map(str, job.styles))
                screen.say(escaped(f"{job.content} in the style of {styles} -> {job.output}"))
            for failure in failures:
                print_failure(screen, failure)
    return 3 if failures else 0


def print_failure(screen: Screen, failure: "Outcome") -> None:
    """Print a failure, which `--quiet` does not silence; it names its picture."""
    error = str(failure.error)
    names = [name for name in (failure.content, failure.output, *failure.styles) if name]
    if names and not any(Path(name).name in error for name in names):
        error = f"{failure.output or failure.content}: {error}"
    print_error(screen, error)


def print_error(screen: Screen, error: str) -> None:
    """Print an error, which `--quiet` does not silence."""
    screen.close()
    with contextlib.suppress(OSError, ValueError):  # a closed stderr must not stop the work
        print(f"stylize: error: {escaped(error)}", file=sys.stderr, flush=True)
