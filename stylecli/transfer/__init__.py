"""The core: objective, optimisation, scales; pictures as tensors in and out."""

from stylecli.transfer.progress import Losses, Progress, ProgressCallback, Result
from stylecli.transfer.stylization import stylize

__all__ = ["Losses", "Progress", "ProgressCallback", "Result", "stylize"]
