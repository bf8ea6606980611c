"""Kernels, host syncs and memory traffic of an iteration on a GPU, counted without one.

    python benchmarks/kernels.py [--size 512] [--encoders compact vgg19] [--by-operator]

An iteration is run on fake tensors of device `cuda`, which have shapes and no values. An operator
that is no view and makes elements counts as one kernel, a convolution with a bias as two; real
libraries launch some more. The first iterations, which set up, are not counted. Bytes are what
each kernel reads and writes, as if no cache held any of it.
"""

import argparse
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stylecli.encoder.registry import get_spec
from stylecli.encoder.vgg import Encoder
from stylecli.settings import Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.memory_plan import HISTORY
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.optim.loop import Descent

UNREAD: Final = {"aten::max_pool2d_with_indices_backward": 1}  # an argument asked for its shape
CUDA: Final = torch.device("cuda", 0)
SMALL: Final = 2**20  # bytes: under that a kernel takes as long as its launch
ALLOCATIONS: Final = ("aten::empty", "aten::new_empty")  # and empty_like, empty_strided, ...
VIEWS: Final = {"prim::device", "aten::_unsafe_view", "aten::_reshape_alias", "aten::lift_fresh"}
COPIES: Final = {"aten::_to_copy", "aten::copy_"}
SYNCHRONIZES: Final = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal"}
WRITTEN_ONLY: Final = {"aten::copy_", "aten::zero_", "aten::fill_"}  # their first argument
SLOTS: Final = {"aten::index_copy_": 3}  # written no further than this argument is long


class KernelCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Dispatch mode that counts an operator's kernels, host syncs, bytes read and written."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_operator: Counter[str] = Counter()
        self.small = self.syncs = self.bytes = 0

    @property
    def kernels(self) -> int:
        """Kernels so far."""
        return self.by_operator.total()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.name().split(".")[0]
        self.syncs += name in SYNCHRONIZES and args[0].device.type == CUDA.type
        result = func(*args, **(kwargs or {}))
        inputs, outputs = _tensors((args, kwargs)), _tensors(result)
        if not any(x.device.type == CUDA.type for x in (*inputs, *outputs)):
            return result
        places = {x.device.type for x in (*inputs, *outputs) if x.ndim or name in COPIES}
        self.syncs += len(places) > 1
        if not _is_view(func, name) and (written := sum(map(_bytes, outputs or inputs[:1]))):
            only_written = {id(x) for x in _only_written(func, name, args, kwargs or {})}
            read = sum(_bytes(x) for x in inputs if id(x) not in only_written)
            moved = 2 * _bytes(args[SLOTS[name]]) if name in SLOTS else read + written
            self._count(name, moved)
            if name == "aten::convolution" and args[2] is not None:
                self._count("(bias)", 2 * written)
        return result

    def _count(self, name: str, moved: int) -> None:
        self.by_operator[name] += 1
        self.small += moved < SMALL
        self.bytes += moved


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _bytes(x: torch.Tensor) -> int:
    """Bytes of a tensor, what is expanded counted once."""
    sides = [side for side, step in zip(x.shape, x.stride(), strict=True) if step or not side]
    return torch.Size(sides).numel() * x.itemsize


def _is_view(func: Any, name: str) -> bool:
    returned = [one.alias_info for one in func._schema.returns]
    view = bool(returned) and all(one is not None and not one.is_write for one in returned)
    return view or name in VIEWS or name.startswith(ALLOCATIONS)


def _only_written(func: Any, name: str, args: Any, kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Tensors that are overwritten without being read: arguments called `out` and the like."""
    named = {one.name for one in func._schema.arguments if one.is_out}
    out = [kwargs[one] for one in named if one in kwargs]
    unread = args[UNREAD[name]] if name in UNREAD else None
    return _tensors([out, unread, args[0] if name in WRITTEN_ONLY else None])


@functools.cache
def know_cudnn() -> None:
    """Give cuDNN's fused convolution a shape function: a build for the CPU has none."""

    @torch.library.register_fake("aten::cudnn_convolution_relu")  # type: ignore[untyped-decorator]
    def convolution_relu(
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        groups: int,
    ) -> torch.Tensor:
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


@contextmanager
def simulated_descent(
    encoder_name: str, size: int, settings: Settings, dtype: torch.dtype = torch.bfloat16
) -> Iterator[Descent]:
    """A descent of fake tensors on a CUDA device that need not be there, before it begins."""
    know_cudnn()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        spec = get_spec(encoder_name)
        weights, before = {}, 3
        for (index, _), channels in zip(spec.plan.convolutions, spec.plan.channels, strict=True):
            weights[f"{index}.weight"] = torch.empty(channels, before, 3, 3)
            weights[f"{index}.bias"] = torch.empty(channels)
            before = channels
        encoder = Encoder(spec, weights, sha256="")
        targets = Targets(encoder, settings, dtype=dtype, device=CUDA)
        content, style = (torch.empty(3, size, size, device=CUDA) for _ in range(2))
        request = Request(content, [Style(style)], settings)
        place = content.shape[-2], content.shape[-1]
        objective = targets.objective([request], place, None, StyleTiling(None))
        yield Descent(content[None], objective, make_optimizer(settings, HISTORY))


def count_iteration(descent: Descent) -> KernelCounter:
    """Counts of one iteration, after one that sets up."""
    descent.iterate()
    counter = KernelCounter()
    with counter:
        descent.iterate()
    return counter


def main() -> None:
    """Print a line for each encoder, optimizer and number of octaves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--encoders", nargs="*", default=["compact", "vgg19"])
    parser.add_argument("--by-operator", action="store_true", help="kernels by operator as well")
    given = parser.parse_args()
    print("| | host syncs | kernels | of them under 1 MB | GB |\n| --- | --- | --- | --- | --- |")
    for name in given.encoders:
        for optimizer in ("lbfgs", "adam"):
            for octaves in (1, None):
                settings = Settings(optimizer=optimizer, octaves=octaves)
                with simulated_descent(name, given.size, settings) as descent:
                    found = count_iteration(descent)
                what = f"{name}, {optimizer}, {'one octave' if octaves else 'all octaves'}"
                moved = found.bytes / 1e9
                print(f"| {what} | {found.syncs} | {found.kernels} | {found.small} | {moved:.2f} |")
                if given.by_operator:
                    for operator, count in found.by_operator.most_common():
                        print(f"    {count:5} {operator}")


if __name__ == "__main__":
    main()
