"""The core of style transfer: objective, optimization, scales; tensors in and out."""

from stylecli.transfer.dry_run import PlannedScale, RunPlan, plan_run
from stylecli.transfer.request import Request, Style
from stylecli.transfer.results import Losses, Progress, ProgressCallback, Result
from stylecli.transfer.stylization import make_targets, stylize, stylize_batch

__all__ = [
    "Losses",
    "PlannedScale",
    "Progress",
    "ProgressCallback",
    "Request",
    "Result",
    "RunPlan",
    "Style",
    "make_targets",
    "plan_run",
    "stylize",
    "stylize_batch",
]
