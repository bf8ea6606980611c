import io

import pytest
import torch

from stylecli import Progress, Settings
from stylecli.monitor.progress_bar import ProgressBar
from stylecli.transfer.stylization import stylize


def test_a_bar_for_each_run(content: torch.Tensor, style: torch.Tensor) -> None:
    """It is closed at the end, and the next run has one of its own."""
    file = io.StringIO()
    bar = ProgressBar(file=file, mininterval=0.0, ascii=True)
    for _ in range(2):
        stylize(content, style, settings=Settings(iterations=3), on_progress=bar)
    shown = file.getvalue()
    assert shown.count("\n") == 2 and "64x48: 100%" in shown and "loss=" in shown


def test_a_bar_of_a_run_that_failed(content: torch.Tensor, style: torch.Tensor) -> None:
    file = io.StringIO()
    bar = ProgressBar(file=file, ascii=True)
    bar.close()  # nothing to close yet

    def fail(progress: Progress) -> None:
        bar(progress)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stylize(content, style, settings=Settings(iterations=3), on_progress=fail)
    bar.close()
    assert file.getvalue().endswith("\n")
