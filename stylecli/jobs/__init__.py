"""The jobs room: a picture from files to a file, or in memory, and the recipe it was made by.

Names are loaded on first use, so that a job can be checked before torch is imported.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stylecli.jobs.checks import check_job
    from stylecli.jobs.in_memory import stylize
    from stylecli.jobs.job import STREAM, Job
    from stylecli.jobs.recipe import Recipe, parse_recipe
    from stylecli.jobs.run import JobResult, run_job

__all__ = [
    "STREAM",
    "Job",
    "JobResult",
    "Recipe",
    "check_job",
    "parse_recipe",
    "run_job",
    "stylize",
]

_HOMES: Final = {
    "STREAM": "job",
    "Job": "job",
    "JobResult": "run",
    "Recipe": "recipe",
    "check_job": "checks",
    "parse_recipe": "recipe",
    "run_job": "run",
    "stylize": "in_memory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
