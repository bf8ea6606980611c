"""What `benchmarks/kernels.py` counts, and how many kernels an iteration may have."""

from collections.abc import Callable

import pytest
import torch
from kernels import CUDA, KernelCounter, count_iteration, simulated_descent
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from stylecli.settings import Settings

Body = Callable[[torch.Tensor], object]
MEGABYTE = 1000 * 4  # of the tensor of 1000 numbers

# What is done with 10 x 100 numbers in float32: kernels, host syncs, bytes in units of all of them.
CASES: dict[str, tuple[Body, int, int, float]] = {
    "elementwise": (lambda x: x + 1.0, 1, 0, 2),
    "two inputs": (lambda x: x + x.clone(), 2, 0, 2 + 3),
    "in place": (lambda x: x.mul_(2.0), 1, 0, 2),
    "written, not read": (lambda x: x.zero_(), 1, 0, 1),
    "copied over": (lambda x: torch.empty_like(x).copy_(x), 1, 0, 2),
    "a result given": (lambda x: torch.add(x, x, out=torch.empty_like(x)), 1, 0, 3),
    "views": (lambda x: x[1:].T.unsqueeze(0).view(1, 100, 9).permute(1, 0, 2), 0, 0, 0),
    "an allocation": (lambda x: torch.empty_like(x), 0, 0, 0),
    "nothing": (lambda x: x[5:5].zero_(), 0, 0, 0),
    "expanded": (lambda x: x[:1].expand(10, 100) + 0.0, 1, 0, 1.1),
    "one slot": (
        lambda x: x.index_copy_(0, torch.zeros(1, dtype=torch.int64, device=CUDA), x[:1]),
        2,
        0,
        0.2 + 2 / 1000,
    ),
    "a wait": (lambda x: x.sum().item(), 1, 1, 1.001),
    "a copy from the host": (lambda x: torch.zeros(10).to(CUDA), 1, 1, 0.02),
}


@pytest.mark.parametrize("name", CASES)
def test_counts(name: str) -> None:
    body, kernels, syncs, moved = CASES[name]
    with FakeTensorMode(), torch.no_grad():
        x = torch.zeros(10, 100, device=CUDA)
        with KernelCounter() as counter:
            try:
                body(x)
            except RuntimeError:
                assert name == "a wait"  # whose answer a fake tensor does not know
    assert (counter.kernels, counter.syncs) == (kernels, syncs)
    assert counter.bytes == pytest.approx(moved * MEGABYTE, abs=1)


@pytest.mark.parametrize("bias", [False, True])
def test_the_bias_of_a_convolution_is_a_kernel_of_its_own(bias: bool) -> None:
    with FakeTensorMode():
        x = torch.zeros(1, 3, 8, 8, device=CUDA)
        weight = torch.zeros(4, 3, 3, 3, device=CUDA)
        with KernelCounter() as counter:
            F.conv2d(x, weight, weight[:, 0, 0, 0] if bias else None)
    assert counter.kernels == 1 + bias


def test_what_is_on_the_host_counts_for_nothing() -> None:
    with FakeTensorMode(), KernelCounter() as counter:
        torch.zeros(10).add_(1.0)
    assert counter.kernels == counter.syncs == counter.bytes == 0


def test_an_iteration_at_512_pixels() -> None:
    """At most 700 kernels, no host sync, at most 3.5 GB, with all octaves by L-BFGS."""
    with simulated_descent("vgg19", 512, Settings()) as descent:
        found = count_iteration(descent)
    assert 300 < found.kernels <= 700
    assert found.syncs == 0
    assert 2e9 < found.bytes < 3.5e9
