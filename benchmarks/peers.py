"""Against others in one run: seconds to the J that each has at its end, in the original VGG-19.

    python benchmarks/peers.py CONTENT STYLE [--size 512] [--rounds 3] [--measured 5]
        [--steps 1000] [--peer-final-j 1.47] [--textbook-final-j J]

The peer is `pastiche` with the defaults of its own command, from its package; the other side is
the loop of `textbook.py` with the original VGG-19. Both take `--steps` steps, of which `--measured`
are timed in each round, with a short history of L-BFGS, which favors them. J (`judge.py`) of their
last pictures comes from the options, or, where one is not given, from taking all steps once:
pastiche has 1.47 on tubingen and starry_night at 512 pixels after its 1000 steps.
Ours are judged as they go, while the clock stands still; reading pictures counts, loading the
encoder does not and is printed apart. Each side is a process of its own, all in turn; medians.
"""

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import torch
from judge import Judge
from side import picture
from textbook import Textbook

from stylecli import Progress, Settings, Stylizer, load_encoder
from stylecli.images.reading import read_picture

OURS: Final = ("vgg19", "compact")
FIRST: Final = 5  # iterations of the last scale that are all judged, before every fifth
Run = Callable[[int], object]  # takes so many steps


@dataclass(frozen=True)
class Pair:
    """A content and a style at one size."""

    content: Path
    style: Path
    size: int

    def judge(self, image: torch.Tensor) -> float:
        """J of a picture (1, 3, H, W)."""
        return the_judge().judge(image, self.content, self.style).objective


@functools.cache
def the_judge() -> Judge:
    """One for each process."""
    return Judge()


def pastiche(pair: Pair) -> tuple[Run, Callable[[], torch.Tensor]]:
    """The peer as its command sets it up: steps, and its picture as it is written."""
    from pastiche.pastiche import PasticheArtist, save_image

    artist = PasticheArtist(str(pair.content), [str(pair.style)], size=pair.size)

    def run(steps: int) -> None:
        for _ in range(steps):
            artist.draw()

    def image() -> torch.Tensor:
        with tempfile.TemporaryDirectory() as folder:
            save_image(artist.pastiche, f"{folder}/out.png")
            return read_picture(Path(folder, "out.png")).pixels[None]

    return run, image


def textbook(pair: Pair) -> tuple[Run, Callable[[], torch.Tensor]]:
    """The textbook loop through the original VGG-19."""
    content, style = (picture(path, pair.size) for path in (pair.content, pair.style))
    book = Textbook(load_encoder("vgg19"), content, style, *Settings().loss_weights())
    return book.run, lambda: book.image.detach()


PEERS: Final = {"pastiche": pastiche, "textbook": textbook}


def seconds_a_step(name: str, pair: Pair, measured: int) -> float:
    """Seconds a step of a peer, after two to warm up."""
    run, _ = PEERS[name](pair)
    run(2)
    started = time.perf_counter()
    run(measured)
    return (time.perf_counter() - started) / measured


def final_objective(name: str, pair: Pair, steps: int) -> float:
    """J of a peer's picture after all steps."""
    run, image = PEERS[name](pair)
    run(steps)
    return pair.judge(image())


Curve = list[tuple[float, float]]  # seconds, J


def our_curve(encoder: str, pair: Pair) -> tuple[float, Curve]:
    """Seconds to load the encoder; J over time in the last scale, and at the end."""
    started = time.perf_counter()
    stylizer = Stylizer(load_encoder(encoder))
    loading = time.perf_counter() - started
    curve: Curve = []
    the_judge()
    started, judging = time.perf_counter(), 0.0

    def look(progress: Progress) -> None:
        nonlocal judging
        step = progress.iteration
        if progress.scale < progress.scales or (step > FIRST and step % FIRST):
            return
        now = time.perf_counter()
        curve.append((now - started - judging, pair.judge(progress.image()[None])))
        judging += time.perf_counter() - now

    result = stylizer.stylize(pair.content, pair.style, size=pair.size, on_progress=look)
    total = time.perf_counter() - started - judging
    return loading, [*curve, (total, pair.judge(result.image[None]))]


def median_until(curves: list[Curve], goal: float) -> float | None:
    """Median seconds until J is at most `goal`; `None` where a round does not come there."""
    reached = [next((when for when, value in curve if value <= goal), None) for curve in curves]
    seconds = [when for when in reached if when is not None]
    return statistics.median(seconds) if len(seconds) == len(curves) else None


def run_apart(function: Callable[..., Any], *words: object) -> Any:
    """Call a function in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *words).result()


def main() -> None:
    """Measure all in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measured", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--peer-final-j", type=float)
    parser.add_argument("--textbook-final-j", type=float)
    given = parser.parse_args()
    pair = Pair(given.content, given.style, given.size)
    goals = {"pastiche": given.peer_final_j, "textbook": given.textbook_final_j}
    for name, goal in goals.items():
        if goal is None:
            goals[name] = run_apart(final_objective, name, pair, given.steps)
    steps: dict[str, list[float]] = {name: [] for name in PEERS}
    curves: dict[str, list[Curve]] = {name: [] for name in OURS}
    loading: dict[str, list[float]] = {name: [] for name in OURS}
    for _ in range(given.rounds):
        for name in PEERS:
            steps[name].append(run_apart(seconds_a_step, name, pair, given.measured))
        for name in OURS:
            seconds, curve = run_apart(our_curve, name, pair)
            loading[name].append(seconds)
            curves[name].append(curve)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {given.size} px")
    whole = {name: given.steps * statistics.median(found) for name, found in steps.items()}
    for name, seconds in whole.items():
        each = seconds / given.steps
        print(
            f"{name}: {given.steps} steps of {each:.2f} s are {seconds:.0f} s, J {goals[name]:.3f}"
        )
    for name, found in curves.items():
        total, last = (
            statistics.median(column) for column in zip(*(c[-1] for c in found), strict=True)
        )
        load = statistics.median(loading[name])
        print(
            f"stylize, {name}: {total:.1f} s in all, J {last:.3f}, encoder loaded in {load:.1f} s"
        )
        for peer, goal in goals.items():
            when = median_until(found, goal)
            sooner = (
                "not reached" if when is None else f"{when:.1f} s, ratio {whole[peer] / when:.0f}"
            )
            print(f"  to the J of {peer}: {sooner}")


if __name__ == "__main__":
    main()
