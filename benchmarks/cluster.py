"""What Ray costs: a batch of tiny jobs on a Ray started for it against the local pool.

    python benchmarks/cluster.py [--jobs 200] [--workers 2] [--size 32] [--iterations 2]

Both sides are cold processes with as many workers, in one run. The pictures are noise, and
are made in groups of at most eight on both sides.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy
from batch import timed
from PIL import Image


def main() -> None:
    """Make the pictures, run both sides, compare pictures and times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--iterations", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_noise(folder / "photos", given.jobs, given.size)
        photos = folder / "photos"
        common = ["batch", str(photos), "--style", str(photos / "0.png"), "-q"]
        for option in ("workers", "size", "iterations"):
            common += [f"--{option}", str(getattr(given, option))]
        seconds = {}
        for engine in ("local", "ray"):
            words = [*common, "--engine", engine, "-o", str(folder / engine)]
            seconds[engine] = timed([sys.executable, "-m", "stylecli", *words])
            print(f"{engine}: {given.jobs} jobs in {seconds[engine]:.1f} s", flush=True)
        local = sorted((folder / "local").glob("*.png"))
        remote = [folder / "ray" / path.name for path in local]
        same = sum(a.read_bytes() == b.read_bytes() for a, b in zip(local, remote, strict=True))
        print(
            f"ray / local: {seconds['ray'] / seconds['local']:.2f}; {same} of {len(local)} "
            "pictures the same, byte for byte"
        )


def make_noise(folder: Path, count: int, size: int) -> None:
    """Pictures of noise, eight of each shape."""
    folder.mkdir()
    random = numpy.random.default_rng(0)
    for number in range(count):
        shape = (size, size + number // 8, 3)
        pixels = random.integers(0, 256, shape, dtype=numpy.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


if __name__ == "__main__":
    main()
