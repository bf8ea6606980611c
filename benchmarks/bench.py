"""What `make bench` measures: both sides of each comparison in turn, medians and ratios.

    python benchmarks/bench.py CONTENT STYLE [--size 512] [--rounds 5] [--only NAME ...]

iteration   seconds an iteration against the textbook loop, and the share of the GEMM rate
picture     the default picture from a cold start against 1000 textbook iterations of a VGG-19
quality     the time until the pyramid objective is what the textbook has after 500 iterations
sizes       seconds an iteration from 256 to 2048 pixels, and peak memory under a limit
complete    a complete picture of 1024 pixels: time and peak memory, cold start included
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from quality import time_to_quality
from timed_child import TimedChild

HERE = Path(__file__).parent
# Multiply-adds of VGG-19 to conv5_1, forward, back to the pixels and in Gram matrices, a pixel.
VGG19_FLOP = 2 * (2 * 94.67e9 + 9.1e9) / 512**2


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {given.size} px")
    for name in given.only:
        print(f"\n{name}", flush=True)
        PARTS[name](given)


class Side(TimedChild):
    """A process that runs iterations of one side."""

    def __init__(
        self, side: str, encoder: str, octaves: int, given: Any, *, size: int = 0, tile: int = 0
    ) -> None:
        words = [side, encoder, octaves, size or given.size, given.content, given.style, tile]
        super().__init__(HERE / "side.py", words)
        self.name = f"{side}, {octaves or 'all'} octave(s)"


def iteration(given: Any) -> None:
    """Textbook, ours with the textbook's one octave, ours with all, in turn.

    Before the clock starts each side fills its history, the textbook's of 100 pairs.
    """
    rate = gemm_rate()
    print(f"a bf16 matrix product runs at {rate / 1e12:.2f} TFLOP/s")
    for encoder in ("compact", "vgg19"):
        variants = (("textbook", 1), ("ours", 1), ("ours", 0))
        sides = [Side(side, encoder, octaves, given) for side, octaves in variants]
        for side, count in zip(sides, (101, 21, 21), strict=True):
            side.seconds(count)
        found = alternate(sides, given.rounds)
        base = found[sides[0].name]
        for name, seconds in found.items():
            ratio = base / seconds
            print(f"{encoder:10} {name:22} {seconds:7.3f} s an iteration, ratio {ratio:5.2f}")
        if encoder == "vgg19":
            flop = VGG19_FLOP * pixels_of(given)
            share = flop / found["ours, 1 octave(s)"] / rate
            print(f"share of the GEMM rate, one octave: {share:.0%}")


def alternate(sides: list[Side], rounds: int, iterations: int = 3) -> dict[str, float]:
    """Median seconds an iteration of each side; the first round warms up."""
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for round_ in range(rounds + 1):
        for side in sides:
            seconds = side.seconds(iterations)
            if round_:
                times[side.name].append(seconds)
    for side in sides:
        side.end()
    return {name: statistics.median(found) for name, found in times.items()}


def picture(given: Any) -> None:
    """A default picture as a user makes it, against 1000 iterations measured over 5."""
    book, ours = [], []
    for _ in range(max(1, given.rounds // 2)):
        side = Side("textbook", "vgg19", 1, given)
        book.append(1000 * side.seconds(5))
        side.end()
        ours.append(command(given, "--size", given.size)[0])
    one, other = statistics.median(book), statistics.median(ours)
    print(f"textbook, VGG-19's size, 1000 iterations: {one:.0f} s (5 measured)")
    print(f"stylize, defaults, cold start included: {other:.1f} s, ratio {one / other:.0f}")


def command(given: Any, *options: object) -> tuple[float, int]:
    """Wall seconds and peak bytes of `stylize` as a new process."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [given.content, given.style, "-o", f"{folder}/out.png"]
        words = [sys.executable, "-m", "stylecli", *paths, "-q", *options]
        started = time.perf_counter()
        child = subprocess.Popen(list(map(str, words)))
        _, status, usage = os_wait(child.pid)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"stylize ended with status {status}")
        return seconds, usage.ru_maxrss * 1024


def os_wait(pid: int) -> Any:
    """Wait for a child, with its own peak of memory."""
    import os

    return os.wait4(pid, 0)


def quality(given: Any) -> None:
    """See `quality.py`."""
    time_to_quality(given.content, given.style, given.size)


def sizes(given: Any) -> None:
    """Cost against pixels, what tiles cost, and memory under a limit."""
    base = None
    for size in (256, 512, 1024, 2048):
        seconds = median_of(Side("ours", "compact", 0, given, size=size))
        each = seconds / size**2
        base = base or each
        print(f"{size:5} px: {seconds:7.3f} s an iteration, {each / base:.2f} of the cost a pixel")
    for tile in (1024, 512):
        tiled = median_of(Side("ours", "compact", 0, given, size=2048, tile=tile))
        print(f" 2048 px in tiles of {tile:4}: {tiled:.3f} s, {tiled / seconds:.2f} of untiled")
    for size, limit in ((2048, "2G"), (4096, "4G")):
        options = ("--size", size, "--max-memory", limit, "--iterations", 21, "--init", "content")
        seconds, peak = command(given, *options)
        print(f"{size:5} px within {limit}: peak {peak / 2**30:.2f} GiB, {seconds:.0f} s")


def median_of(side: Side) -> float:
    """Median seconds an iteration, after two to warm up."""
    side.seconds(2)
    found = statistics.median(side.seconds(2) for _ in range(3))
    side.end()
    return found


def complete(given: Any) -> None:
    """A complete picture of 1024 pixels."""
    seconds, peak = command(given, "--size", 1024)
    print(f"1024 px, defaults: {seconds:.0f} s, peak {peak / 2**30:.2f} GiB")


def gemm_rate() -> float:
    """FLOP/s of the best of a few bf16 matrix products."""
    best = 0.0
    for side in (1024, 2048, 3072):
        a = torch.randn(side, side).bfloat16()
        for _ in range(6):
            started = time.perf_counter()
            a @ a
            best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def pixels_of(given: Any) -> int:
    """Pixels of the content at the size compared."""
    from side import picture as read

    shape = read(given.content, given.size).shape
    return int(shape[-1] * shape[-2])


PARTS: dict[str, Callable[[Any], None]] = {
    "iteration": iteration,
    "picture": picture,
    "quality": quality,
    "sizes": sizes,
    "complete": complete,
}

if __name__ == "__main__":
    main()
