"""Seconds an iteration alone and with two programs at once, by how long idle threads spin.

    python benchmarks/threads.py CONTENT STYLE

GOMP_SPINCOUNT must be set before torch is imported, so each figure is a process of its own.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

SPINS = ("default", "1000", "10000", "50000")
SIZE = 192
SECONDS = 5.0


def main() -> None:
    """Measure every setting, or be one of the measured programs."""
    if os.environ.get("BENCH_CHILD"):
        print(f"{seconds_an_iteration(*map(Path, sys.argv[1:3])):.3f}")
        return
    for spin in SPINS:
        alone = [start(spin).communicate()[0].strip()]
        together = [child.communicate()[0].strip() for child in (start(spin), start(spin))]
        print(f"GOMP_SPINCOUNT {spin:8} alone {alone[0]} s, two at once {' and '.join(together)} s")


def start(spin: str) -> "subprocess.Popen[str]":
    """This script as a child that measures, with the given setting."""
    environment = {**os.environ, "BENCH_CHILD": "1"}
    if spin != "default":
        environment["GOMP_SPINCOUNT"] = spin
    return subprocess.Popen(
        [sys.executable, *sys.argv], env=environment, stdout=subprocess.PIPE, text=True
    )


def seconds_an_iteration(content: Path, style: Path) -> float:
    """Ours, three octaves, at 192 pixels, for five seconds."""
    from side import ours, picture

    from stylecli.encoder.loading import load_encoder

    pair = picture(content, SIZE), picture(style, SIZE)
    run = ours(load_encoder("compact"), *pair, octaves=3, tile=0)
    run(2)  # warm-up
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        run(2)
        count += 2
    return (time.perf_counter() - started) / count


if __name__ == "__main__":
    main()
