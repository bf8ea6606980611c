"""The calling program's torch state: no part of the picture, and as it was afterwards."""

import contextlib
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from stylecli.encoder.loading import load_encoder
from stylecli.recognition.metric import PerceptualMetric
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Result, Style, stylize_batch
from stylecli.transfer.compute.ambient_state import standard_state

FORKED = """
import multiprocessing, torch
from stylecli.transfer.compute.ambient_state import standard_state

def compute(results):
    with standard_state():
        results.put(float(torch.ones(1_000_000).add(1).sum()))

torch.set_num_threads(2)
torch.ones(1_000_000).exp()
context = multiprocessing.get_context("fork")
results = context.Queue()
process = context.Process(target=compute, args=(results,), daemon=True)
process.start()
print(round(results.get(timeout=30)))
"""


@contextlib.contextmanager
def changed(change: Callable[[Any], None], there: Any, back: Any) -> Iterator[None]:
    change(there)
    try:
        yield
    finally:
        change(back)


STATES: dict[str, Callable[[], Any]] = {
    "autocast": lambda: torch.autocast("cpu"),
    "float64": lambda: changed(torch.set_default_dtype, torch.float64, torch.float32),
    "device": lambda: changed(torch.set_default_device, "meta", None),
    "inference": torch.inference_mode,
    "gradients": torch.enable_grad,
    "deterministic": lambda: changed(torch.use_deterministic_algorithms, True, False),
    "threads": lambda: changed(torch.set_num_threads, 1, torch.get_num_threads()),
}


def ambient() -> tuple[Any, ...]:
    return (
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )


@standard_state()
def paint(content: torch.Tensor, style: torch.Tensor) -> tuple[Result, float]:
    """A picture, and its distance to the style."""
    encoder, settings = load_encoder("compact"), Settings(iterations=2, size=40)
    compute = Compute(device="cpu", precision="fp32")
    request = Request(content, [Style(style)], settings)
    (result,) = stylize_batch([request], compute=compute, encoder=encoder)
    metric = PerceptualMetric(encoder, torch.device("cpu"))
    return result, metric.distances(result.image, style, 40).style


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("name", STATES)
def test_the_picture_does_not_depend_on_it(
    name: str, expected: dict[str, Any], content: torch.Tensor, style: torch.Tensor
) -> None:
    if not expected:
        expected["plain"] = paint(content, style)
    plain, distance = expected["plain"]
    with STATES[name]():
        before = ambient()
        result, other = paint(content, style)
        assert ambient() == before
    assert torch.equal(result.image, plain.image) and not result.image.is_inference()
    assert (result.losses, result.pyramid, other) == (plain.losses, plain.pyramid, distance)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
def test_a_fork_of_a_process_with_threads_does_not_wait_for_them() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "2000000\n", done.stderr


def test_float32_on_a_gpu_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default cuDNN rounds it to TF32; a library that chose so finds it as it was."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    with standard_state():
        assert (cudnn.allow_tf32, cudnn.deterministic) == (False, True)
    assert (cudnn.allow_tf32, cudnn.deterministic) == before
