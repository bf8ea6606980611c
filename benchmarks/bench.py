"""Seconds an iteration and time to quality against the textbook loop, in one process.

    python benchmarks/bench.py CONTENT STYLE [--size 512] [--rounds 5] [--quality N] [--width 64]

Both sides have the same encoder, picture, size and objective, and take turns; medians and their
ratio are printed. `--width 64` adds an encoder of VGG-19's size with random weights (timing
alone). `--quality N` runs the textbook loop for N iterations and ours once at its defaults, and
compares the objective averaged over the picture at full, half and quarter size.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from textbook import Textbook

from stylecli.encoder import Encoder, load_encoder
from stylecli.encoder.plan import VGG19_BLOCKS, vgg_plan
from stylecli.images import read_picture
from stylecli.settings import Compute, Settings
from stylecli.transfer import stylize
from stylecli.transfer.device import resolve
from stylecli.transfer.laplacian import metric
from stylecli.transfer.lbfgs import LBFGS
from stylecli.transfer.resample import fit, resize
from stylecli.transfer.stylization import relative_pyramid
from stylecli.transfer.targets import Targets


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quality", type=int, default=0, metavar="ITERATIONS")
    parser.add_argument("--width", type=int, default=0)
    given = parser.parse_args()
    content, style = (picture(path, given.size) for path in (given.content, given.style))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {given.size} px")
    compact = load_encoder("compact")
    iteration_times("compact", compact, content, style, given.rounds)
    if given.width:
        iteration_times("random", random_vgg19(given.width), content, style, given.rounds)
    if given.quality:
        time_to_quality(compact, content, style, given.quality)


def picture(path: Path, size: int) -> torch.Tensor:
    """(1, 3, H, W) with the given long side."""
    pixels = read_picture(path).pixels.unsqueeze(0)
    return resize(pixels, fit((pixels.shape[-2], pixels.shape[-1]), size))


def random_vgg19(width: int) -> Encoder:
    """VGG-19's plan to conv5_1 with He-initialised weights: the same work, no download."""
    generator = torch.Generator().manual_seed(0)
    plan = vgg_plan(VGG19_BLOCKS, width=width, stop_after=13)
    weights = {}
    channels = 3
    for (index, _), wide in zip(plan.convolutions, plan.channels, strict=True):
        scale = (2 / (9 * channels)) ** 0.5
        weights[f"{index}.weight"] = scale * torch.randn(
            (wide, channels, 3, 3), generator=generator
        )
        weights[f"{index}.bias"] = torch.zeros(wide)
        channels = wide
    spec = replace(load_encoder("compact").spec, name="random", plan=plan)
    return Encoder(spec, weights, sha256="")


def iteration_times(
    name: str, encoder: Encoder, content: torch.Tensor, style: torch.Tensor, rounds: int
) -> None:
    """Textbook, ours with its three octaves, and ours with one as the textbook has, in turn."""
    book = Textbook(encoder, content, style, 1.0, 12.0)
    sides: dict[str, Callable[[], object]] = {
        "textbook": lambda: book.run(2),
        "ours, 1 octave": our_steps(encoder, content, style, octaves=1),
        "ours, 3 octaves": our_steps(encoder, content, style, octaves=3),
    }
    times: dict[str, list[float]] = {side: [] for side in sides}
    for round_ in range(rounds + 1):
        for side, run in sides.items():
            started = time.perf_counter()
            run()
            if round_:  # the first is a warm-up
                times[side].append((time.perf_counter() - started) / 2)
    base = statistics.median(times["textbook"])
    for side, found in times.items():
        median = statistics.median(found)
        print(f"{name:8} {side:16} {median:8.3f} s an iteration   ratio {base / median:5.2f}")


def our_steps(
    encoder: Encoder, content: torch.Tensor, style: torch.Tensor, *, octaves: int
) -> Callable[[], object]:
    """Two iterations of ours, gradient and optimiser step, as a callable."""
    device, dtype = resolve(Compute())
    targets = Targets(encoder, Settings(octaves=octaves), dtype=dtype, device=device)
    objective = targets.objective(content, [style], (content.shape[-2], content.shape[-1]))
    optimizer = LBFGS(metric)
    state = {"image": content.clone()}

    def two() -> None:
        for _ in range(2):
            terms, gradient = objective(state["image"])
            float(terms.total)
            state["image"] = optimizer.step(state["image"], gradient)

    return two


def time_to_quality(
    encoder: Encoder, content: torch.Tensor, style: torch.Tensor, iterations: int
) -> None:
    """The textbook's pyramid objective after `iterations`, and when ours is at or below it."""
    settings = Settings()
    alpha, beta = settings.loss_weights

    def pyramid(image: torch.Tensor) -> float:
        found = relative_pyramid(encoder, content, style, image)
        return statistics.fmean(alpha * c + beta * s for c, s in found)

    book = Textbook(encoder, content, style, alpha, beta)
    started = time.perf_counter()
    book.run(iterations)
    book_seconds = time.perf_counter() - started
    goal = pyramid(book.image.detach())
    print(f"textbook: {iterations} iterations, {book_seconds:.0f} s, pyramid objective {goal:.3f}")
    for preset in ("draft", "normal", "high"):
        result = stylize(content[0], style[0], settings=Settings(quality=preset), encoder=encoder)
        own = pyramid(result.image.unsqueeze(0))
        verdict = "reached" if own <= goal else "not reached"
        print(
            f"ours, {preset}: {result.seconds:.0f} s, pyramid objective {own:.3f}: {verdict}, "
            f"time ratio {book_seconds / result.seconds:.1f}"
        )


if __name__ == "__main__":
    main()
