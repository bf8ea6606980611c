"""The jobs room: a picture from files to a file, or in memory, and the recipe it was made by.

Names are loaded on first use, so that a job can be checked before torch is imported.
"""

from typing import TYPE_CHECKING, Final

from stylecli.lazy import lazy_names

if TYPE_CHECKING:
    from stylecli.jobs.checks import check_job
    from stylecli.jobs.in_memory import stylize
    from stylecli.jobs.run import run_job
    from stylecli.jobs.studio import JobResult, Studio

__all__ = [
    "JobResult",
    "Studio",
    "check_job",
    "run_job",
    "stylize",
]

_HOMES: Final = {
    "JobResult": "studio",
    "Studio": "studio",
    "check_job": "checks",
    "run_job": "run",
    "stylize": "in_memory",
}


__getattr__ = lazy_names(__name__, _HOMES)
