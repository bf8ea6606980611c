"""Device check: a small picture on a device as a run makes it, against float32 on the CPU.

A new card, driver or operating system can be wrong in ways that no error tells: a CUDA graph that
holds nothing, a kernel that is not there in this build, an operator that differs. So a device is
checked when it is first used with a build of PyTorch, the answer is kept, and a device that fails
is used without a graph, in float32, or not at all.
"""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from stylecli._version import __version__
from stylecli.atomic import replace_file
from stylecli.encoder.cache import user_cache
from stylecli.encoder.vgg import Encoder
from stylecli.errors import OutputError, is_out_of_memory
from stylecli.messages import short_repr
from stylecli.settings import Compute, Precision, Settings
from stylecli.transfer import Request, Result, Style, stylize_batch
from stylecli.transfer.compute.device import resolve

SETTINGS: Final = Settings(iterations=8)
SIDE: Final = 64  # pixels
# Root mean square difference to the CPU's float32 picture, of [0, 1]: two to four times what
# rounding makes in as many iterations, bf16 0.004 and float32 in another order 0.0003 on a CPU.
TOLERANCE: Final = {"bf16": 0.015, "fp32": 0.001}
MAX_BYTES: Final = 100_000  # of the file of answers

Make = Callable[[Compute, bool], Result]


@dataclass(frozen=True)
class DeviceCheck:
    """Outcome of a device check: `difference` is NaN where no picture came about, see `failure`.

    `capture` says whether iterations were replayed from a CUDA graph, `fallbacks` names operators
    that ran on the CPU instead.
    """

    device: str
    precision: str
    capture: bool
    difference: float
    seconds: float
    failure: str = ""
    fallbacks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the picture is that of the CPU, within `TOLERANCE`."""
        return not self.failure and self.difference <= TOLERANCE[self.precision]

    @property
    def summary(self) -> str:
        """A sentence's worth of it."""
        if self.failure:
            return f"fails: {self.failure}"
        within = "within" if self.passed else "NOT within"
        slow = f"; on the CPU instead: {', '.join(self.fallbacks)}" if self.fallbacks else ""
        return (
            f"the CPU's picture to {self.difference:.1e}, {within} {TOLERANCE[self.precision]}; "
            f"{1000 * self.seconds:.1f} ms an iteration of {SIDE} pixels, set-up included{slow}"
        )


@dataclass(frozen=True)
class Approval:
    """How a device is used after its check: where, in which precision, by a graph or without."""

    compute: Compute
    capture: bool = True
    note: str = ""


def candidates(compute: Compute) -> Iterator[tuple[Compute, bool]]:
    """Ways to use a device, the fastest first: as asked for, without a graph, in float32."""
    device, dtype = resolve(compute)
    precisions: list[Precision] = ["bf16", "fp32"] if dtype == torch.bfloat16 else ["fp32"]
    for precision in precisions:
        for capture in (True, False) if device.type == "cuda" else (False,):
            yield replace(compute, device=str(device), precision=precision), capture


def check_device(
    compute: Compute, capture: bool, make: Make, expected: torch.Tensor
) -> DeviceCheck:
    """Make a small picture there, and compare it with the `expected` one."""
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = make(compute, capture)
            seconds = (time.perf_counter() - started) / result.iterations
            difference = float((result.image - expected).square().mean().sqrt())
            failure = "" if difference == difference else "the picture is not finite"
        except (RuntimeError, NotImplementedError) as error:  # no kernels, a lost device
            if is_out_of_memory(error):
                raise
            seconds, difference, failure = 0.0, float("nan"), short_repr(str(error))
    texts = [str(one.message) for one in caught]  # The operator 'aten::…' … will fall back …
    fallbacks = {text.split("'")[1] for text in texts if "fall back" in text and "'" in text}
    return DeviceCheck(
        compute.device,
        compute.precision,
        capture,
        difference,
        seconds,
        failure,
        tuple(sorted(fallbacks)),
    )


def approve(compute: Compute, make: Make, *, answers: Path | None = None) -> Approval:
    """The fastest way to use a device that passes its check, else the CPU.

    The CPU is not checked. Answers are kept in a file of the user's cache, for a device's name
    and the builds of this program and PyTorch. Raises `UsageError` for a device that is not there.
    """
    device, _ = resolve(compute)
    if device.type == "cpu":
        return Approval(compute)
    path = answers or answers_path()
    key = f"{device_name(device)}, torch {torch.__version__}, stylecli {__version__}"
    kept = _read(path)
    expected: torch.Tensor | None = None
    for number, (candidate, capture) in enumerate(candidates(compute)):
        name = f"{key}, {candidate.precision}, {'graph' if capture else 'eager'}"
        if name not in kept:
            expected = expected_picture(make) if expected is None else expected
            kept[name] = check_device(candidate, capture, make, expected).passed
            _write(path, kept)
        if kept[name]:
            note = "" if number == 0 else _note(candidate, capture)
            return Approval(replace(compute, precision=candidate.precision), capture, note)
    note = f"{device} fails its check ('stylize doctor --check' says how), so the CPU is used."
    return Approval(replace(compute, device="cpu", precision="auto"), False, note)


def expected_picture(make: Make) -> torch.Tensor:
    """The small picture (3, `SIDE`, `SIDE`) that a device is compared with: the CPU's, float32."""
    return make(Compute(device="cpu", precision="fp32"), False).image


def small_pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """A content and a style, (3, `SIDE`, `SIDE`) in [0, 1]: smooth colors, and waves."""
    line = torch.linspace(0.0, 1.0, SIDE, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    content = torch.stack((x, y, 0.5 + 0.5 * torch.sin(9.0 * x * y)))
    waves = [(1.0, 2.0), (2.0, -1.0), (0.5, 3.0)]
    style = torch.stack([0.5 + 0.4 * torch.sin(40.0 * (a * x + b * y)) for a, b in waves])
    return content, style


def maker(encoder: Encoder) -> Make:
    """A function that makes the small picture on a device, by a graph or without."""
    content, style = small_pictures()

    def make(compute: Compute, capture: bool) -> Result:
        request = Request(content, [Style(style)], SETTINGS)
        (result,) = stylize_batch([request], compute=compute, encoder=encoder, capture=capture)
        return result

    return make


def device_name(device: torch.device) -> str:
    """A device's name: that of the card and of its driver's version where there is one."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    return str(device.type)


def answers_path() -> Path:
    """The file of answers, in the user's cache."""
    return user_cache() / "stylecli" / "devices.json"


def _note(compute: Compute, capture: bool) -> str:
    how = "" if capture or not compute.device.startswith("cuda") else " without a CUDA graph"
    return (
        f"{compute.device} is used in {compute.precision}{how}: it fails its check otherwise "
        "('stylize doctor --check' says how)."
    )


def _read(path: Path) -> dict[str, Any]:
    """The answers kept; none where the file is not ours or not there."""
    try:
        with path.open("rb") as file:
            answers = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(answers, dict):
        return {}
    return {name: passed for name, passed in answers.items() if isinstance(passed, bool)}


def _write(path: Path, answers: dict[str, Any]) -> None:
    """Keep the answers, if that can be: without them a device is checked again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(answers, indent=1).encode())
    except (OSError, OutputError):
        return
