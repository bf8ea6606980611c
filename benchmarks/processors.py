"""Precision by processor: the default iteration in fp32 and bf16 under each instruction set.

    python benchmarks/processors.py CONTENT STYLE [--size 256] [--rounds 5] [--iterations 3]

Weaker processors are this one with instructions withheld from oneDNN and from torch. For each it
prints processor seconds an iteration on one thread, which other programs hardly change (medians of
rounds in turn), their ratio, the precision that `auto` takes there, and how far both pictures are
from fp32's on this whole processor after as many iterations: the largest and the mean difference of
a channel, in [0, 1].
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import torch
from side import picture, start
from timed_child import TimedChild

from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Precision, Settings
from stylecli.transfer.compute.device import precision_name, resolve
from stylecli.transfer.compute.malloc import tuned_malloc

Limits = tuple[str, str]  # of oneDNN, of torch's own kernels
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "bf16")
# Both limits, and the flag in /proc/cpuinfo that they need.
INSTRUCTION_SETS: Final = (
    ("AVX512_CORE_AMX", "avx512", "amx_bf16"),
    ("AVX512_CORE_BF16", "avx512", "avx512_bf16"),
    ("AVX512_CORE", "avx512", "avx512bw"),
    ("AVX2", "avx2", "avx2"),
)


def child_of(given: argparse.Namespace, limits: Limits, words: list[str]) -> TimedChild:
    """A process that iterates in one precision under limits; its greeting is what `auto` takes."""
    variables = {"ONEDNN_MAX_CPU_ISA": limits[0], "ATEN_CPU_CAPABILITY": limits[1]}
    command = [given.content, given.style, "--size", given.size, "--encoder", given.encoder]
    return TimedChild(Path(__file__), [*command, "--child", *words], variables)


def iterate(given: argparse.Namespace) -> None:
    """Iterate as asked for, as a child; the picture is left in a file."""
    precision, path = given.child
    torch.set_num_threads(1)
    print(precision_name(resolve(Compute(device="cpu"))[1]), flush=True)
    content, style = (picture(place, given.size) for place in (given.content, given.style))
    settings, encoder = Settings(encoder=given.encoder), load_encoder(given.encoder)
    descent = start(encoder, content, style, settings, precision=precision)
    for line in sys.stdin:
        started = time.process_time()
        with tuned_malloc(), torch.no_grad():
            for _ in range(int(line)):
                descent.iterate()
        print(time.process_time() - started, flush=True)
    torch.save(descent.image, path)


def measure(
    given: argparse.Namespace, limits: Limits, folder: Path
) -> tuple[dict[str, float], str]:
    """Median seconds an iteration in each precision, and what `auto` takes."""
    children = {
        name: child_of(given, limits, [name, str(folder / f"{limits[0]}-{name}.pt")])
        for name in PRECISIONS
    }
    times: dict[str, list[float]] = {name: [] for name in PRECISIONS}
    for _ in range(given.rounds + 1):
        for name, child in children.items():
            times[name].append(child.seconds(given.iterations))
    for child in children.values():
        child.end()
    return {name: statistics.median(times[name][1:]) for name in times}, child.greeting


def main() -> None:
    """Measure what this processor has, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--encoder", default="compact")
    parser.add_argument(
        "--child", nargs=2, metavar=("PRECISION", "PICTURE"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.child:
        iterate(given)
        return
    flags = set(Path("/proc/cpuinfo").read_text().split())
    here = [(isa, aten) for isa, aten, flag in INSTRUCTION_SETS if flag in flags]
    print("| instructions | fp32, s | bf16, s | ratio | auto | difference, fp32 | bf16 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for limits in here:
            seconds, auto = measure(given, limits, folder)
            fp32, bf16 = (seconds[each] for each in PRECISIONS)
            reference = torch.load(folder / f"{here[0][0]}-fp32.pt")
            pictures = (torch.load(folder / f"{limits[0]}-{each}.pt") for each in PRECISIONS)
            errors = ((image - reference).abs() for image in pictures)
            far = " | ".join(f"{error.max():.3f} ({error.mean():.5f})" for error in errors)
            ratio = f"{fp32:.3f} | {bf16:.3f} | {bf16 / fp32:.2f}"
            print(f"| {limits[0]} | {ratio} | {auto} | {far} |", flush=True)


if __name__ == "__main__":
    main()
