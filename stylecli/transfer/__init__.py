"""The core: objective, optimisation, scales; pictures as tensors in and out."""

from stylecli.transfer.planning import Plan, PlannedScale, plan_run
from stylecli.transfer.progress import Losses, Progress, ProgressCallback, Result
from stylecli.transfer.stylization import make_targets, stylize, stylize_together
from stylecli.transfer.subject import Request, Style

__all__ = [
    "Losses",
    "Plan",
    "PlannedScale",
    "Progress",
    "ProgressCallback",
    "Request",
    "Result",
    "Style",
    "make_targets",
    "plan_run",
    "stylize",
    "stylize_together",
]
