"""A batch of 24 pictures in 2 styles against a shell loop of single runs: time, and the same bits.

    python benchmarks/batch.py CONTENT_FOLDER STYLE STYLE [--size 192] [--workers 1]

The 24 pictures are crops of the folder's, of three shapes. Both sides are cold processes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

SHAPES = ((4, 3), (3, 2), (1, 1))
COUNT = 24


def main() -> None:
    """Make the crops, run both sides, compare pictures and times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contents", type=Path)
    parser.add_argument("styles", type=Path, nargs=2)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--workers", type=int, nargs="*", default=[1])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crops = make_crops(given.contents, folder / "crops", given.size)
        script = loop_script(crops, given.styles, folder / "loop", given.size)
        loop = timed(["bash", "-c", script])
        singles = sorted((folder / "loop").glob("*.png"))
        print(f"shell loop of {len(singles)} single runs: {loop:.0f} s", flush=True)
        for workers in (None, *given.workers):
            target = folder / f"batch{workers}"
            words = ["batch", str(folder / "crops"), "-o", str(target), "-q"]
            words += [word for style in given.styles for word in ("--style", str(style))]
            words += ["--size", str(given.size)]
            words += [] if workers is None else ["--workers", str(workers)]
            batch = timed([sys.executable, "-m", "stylecli", *words])
            same = sum(path.read_bytes() == (target / path.name).read_bytes() for path in singles)
            chosen = f"batch, {workers} worker(s)" if workers else "batch"
            print(
                f"{chosen}: {batch:.0f} s, ratio {loop / batch:.2f}; {same} of "
                f"{len(singles)} pictures the same, byte for byte",
                flush=True,
            )


def make_crops(contents: Path, target: Path, size: int) -> list[Path]:
    """Crops of three shapes, somewhat larger than the size asked for."""
    target.mkdir()
    pictures = sorted(path for path in contents.iterdir() if path.suffix in (".jpg", ".png"))
    made = []
    for number in range(COUNT):
        image = Image.open(pictures[number % len(pictures)]).convert("RGB")
        wide, high = SHAPES[number % len(SHAPES)]
        unit = min(image.width // wide, image.height // high) * 3 // 4
        left = (image.width - unit * wide) * (number // len(SHAPES)) // (COUNT // len(SHAPES))
        top = (image.height - unit * high) // 2
        crop = image.crop((left, top, left + unit * wide, top + unit * high))
        crop.thumbnail((2 * size, 2 * size))
        made.append(target / f"crop{number:02d}.png")
        crop.save(made[-1])
    return made


def loop_script(crops: list[Path], styles: list[Path], target: Path, size: int) -> str:
    """What people write: two nested loops."""
    return f"""
set -e
for content in {crops[0].parent}/*.png; do
  for style in {" ".join(map(str, styles))}; do
    name=$(basename "$content" .png)_$(basename "${{style%.*}}").png
    {sys.executable} -m stylecli "$content" "$style" -o {target}/"$name" --size {size} -q
  done
done
"""


def timed(command: list[str]) -> float:
    """Wall seconds of a command that has to succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
