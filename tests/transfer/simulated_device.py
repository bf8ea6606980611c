"""A simulated CUDA device: the core on fake tensors, and the rules of CUDA graph capture.

Fake tensors have shapes, dtypes and devices but no values, so a whole iteration can be run for a
device that is not there. A tensor on another device than an operator expects raises in torch
itself; the rules here are those that torch checks on a real device only.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute
from stylecli.transfer import Request, request, stylization
from stylecli.transfer.coarse_to_fine import _free_parts
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.optim.loop import Descent
from stylecli.transfer.optim.preconditioner import _basis_on

# Operators that wait for the device: their result's value or shape is needed by the processor.
SYNCHRONIZES = {
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::equal",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::repeat_interleave.Tensor",
}
VIEWS_AND_QUERIES = {"prim::device", "aten::lift_fresh", "aten::detach", "aten::alias"}
COPIES = {"aten::_to_copy", "aten::copy_"}
DEVICE = torch.device("cuda", 0)


class DeviceRules(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Dispatch mode that raises `AssertionError` where an operator breaks a rule of the device.

    Without `captured` it may wait for the device and copy, as MPS does, which has no graphs.
    `made` lists what each operator made, as its name, shapes and dtypes: an allocation that
    differs from one iteration to the next cannot be replayed.
    """

    def __init__(self, *, float64: bool = True, captured: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.captured = captured
        self.float64 = float64
        self.made: list[tuple[str, tuple[Any, ...]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.name()
        inputs = _tensors((args, kwargs or {}))
        on_device = any(x.device.type == DEVICE.type for x in inputs)
        by_mask = name == "aten::index.Tensor" and any(x.dtype == torch.bool for x in inputs[1:])
        waits = name in SYNCHRONIZES or by_mask
        assert not (self.captured and on_device and waits), f"{name} waits for the device"
        result = func(*args, **(kwargs or {}))
        if name in VIEWS_AND_QUERIES:
            return result
        outputs = _tensors(result)
        # A single number of the host is an argument of a kernel, unless it is copied.
        counted = [x for x in (*inputs, *outputs) if x.ndim or name in COPIES]
        kinds = {x.device.type for x in counted}
        assert not self.captured or len(kinds) < 2, f"{name} copies between host and device"
        for x in outputs:
            wide = x.dtype == torch.float64 and x.device.type == DEVICE.type
            assert self.float64 or not wide, f"{name} needs float64 on the device"
        self.made.append((name, tuple((tuple(x.shape), x.dtype) for x in outputs)))
        return result


def _tensors(value: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(value)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


@contextlib.contextmanager
def simulated_device() -> Iterator[FakeTensorMode]:
    """Within, tensors are fake, and there is a CUDA device; values cannot be looked at."""
    _basis_on.cache_clear()
    with (
        pytest.MonkeyPatch.context() as patch,
        FakeTensorMode(allow_non_fake_inputs=True) as mode,
        torch.no_grad(),
    ):
        # Whether a picture is finite depends on its values.
        patch.setattr(request, "_checked", lambda picture, channels: picture.float())
        yield mode
    _basis_on.cache_clear()


@contextlib.contextmanager
def any_value() -> Iterator[None]:
    """Within, a number that is asked for is 1: before the first iteration, or to report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "__float__", lambda _: 1.0)
        patch.setattr(torch.Tensor, "__bool__", lambda _: True)
        yield


def descent_on_device(requests: list[Request], encoder: Encoder, compute: Compute) -> Descent:
    """A descent at full size, with all that is made before its first iteration."""
    settings = requests[0].settings
    targets = Targets(encoder, settings, dtype=torch.bfloat16, device=DEVICE)
    with any_value():
        run = stylization.prepare_run(requests, targets, compute)
        size = run.scales[-1].size
        tile = compute.tile_side if isinstance(compute.tile_side, int) else None
        objective = targets.objective(run.requests, size, tile, StyleTiling(tile, lambda _: None))
        start = torch.zeros(len(requests), 3, *size, device=DEVICE)
        return Descent(start, *_free_parts(run, objective, size, history=3))


def iterations(descent: Descent, count: int, **rules: Any) -> list[list[tuple[str, Any]]]:
    """What each of some iterations made, under the rules."""
    made = []
    for _ in range(count):
        with DeviceRules(**rules) as mode:
            descent.iterate()
        made.append(mode.made)
    assert all(isinstance(x, FakeTensor) for x in (descent.image, descent.best_image))
    return made
