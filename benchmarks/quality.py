"""Time to quality: when is our picture as good as the textbook's after 500 iterations?

    python benchmarks/quality.py CONTENT STYLE [SIZE [ITERATIONS]]

Good means the pyramid objective: J in float32, averaged over the picture at full, half and
quarter size, so that missing large strokes count. The clock stands still while it is measured.
Each side is a process of its own, since one changes the memory allocator of its process.
"""

import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from side import picture
from textbook import Textbook

from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Progress, stylize
from stylecli.transfer.evaluation import relative_pyramid

EXACT = Compute(precision="fp32")
Curve = list[tuple[float, float]]  # seconds, pyramid objective


def main() -> None:
    """Pictures, size and iterations from the command line."""
    content, style, *numbers = sys.argv[1:]
    time_to_quality(Path(content), Path(style), *map(int, numbers))


def time_to_quality(content: Path, style: Path, size: int = 512, iterations: int = 500) -> None:
    """Run both and print the ratio of the times to the textbook's last value."""
    paths = str(content), str(style)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        book = pool.submit(textbook_curve, *paths, size, iterations).result()
        ours = {
            quality: pool.submit(our_curve, *paths, size, quality).result()
            for quality in ("draft", "normal")
        }
    goal = book[-1][1]
    print(f"textbook: {iterations} iterations, {book[-1][0]:.0f} s, pyramid objective {goal:.4f}")
    for quality, curve in ours.items():
        seconds, last = curve[-1]
        reached = next((when for when, value in curve if value <= goal), None)
        print(f"ours, {quality}: {seconds:.1f} s in all, pyramid objective {last:.4f}", end="; ")
        if reached is None:
            print("not reached")
        else:
            print(f"reached after {reached:.1f} s, ratio {book[-1][0] / reached:.1f}")


def pyramid_objective(content: torch.Tensor, style: torch.Tensor, image: torch.Tensor) -> float:
    """The mean of J over full, half and quarter size; pictures are (1, 3, H, W)."""
    alpha, beta = Settings().loss_weights()
    found = relative_pyramid(load_encoder("compact"), content, style, image, EXACT)
    return statistics.fmean(alpha * c + beta * s for c, s in found)


def textbook_curve(content: str, style: str, size: int, iterations: int) -> Curve:
    """The textbook's only point: its end."""
    a, b = (picture(Path(path), size) for path in (content, style))
    started = time.perf_counter()
    book = Textbook(load_encoder("compact"), a, b, *Settings().loss_weights())
    book.run(iterations)
    seconds = time.perf_counter() - started
    return [(seconds, pyramid_objective(a, b, book.image.detach()))]


def our_curve(content: str, style: str, size: int, quality: str) -> Curve:
    """Every fifth iteration of the last scale, and the end."""
    a, b = (picture(Path(path), size) for path in (content, style))
    curve: Curve = []
    measuring = 0.0
    started = time.perf_counter()

    def look(progress: Progress) -> None:
        nonlocal measuring
        if progress.scale < progress.scales or progress.iteration % 5:
            return
        now = time.perf_counter()
        curve.append((now - started - measuring, pyramid_objective(a, b, progress.image()[None])))
        measuring += time.perf_counter() - now

    settings = Settings.from_dict({"quality": quality})
    result = stylize(
        a[0], b[0], settings=settings, encoder=load_encoder("compact"), on_progress=look
    )
    total = time.perf_counter() - started - measuring
    return [*curve, (total, pyramid_objective(a, b, result.image[None]))]


if __name__ == "__main__":
    main()
