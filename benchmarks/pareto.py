"""J against seconds: which schedules, encoders and presets lie on the Pareto front.

    python benchmarks/pareto.py IMAGES OUT_FOLDER [--size 512] [--pairs 0,1,...]
        [--variant NAME:SETTING=VALUE,...] ...

For each variant (by default the presets, and `vgg19` without a warm start) the judge's pairs are
made, and judged in the original VGG-19 (`judge.py`) several times during the last scale: each of
these points is what a schedule with fewer iterations there would give. `counts=75/50/45/45` in a
variant replaces the preset's iterations by scale, `last=60` those after a warm start. Seconds are
processor time of the run without loading encoders and judging, so that other programs count for
little. Prints geometric means of J and seconds over the pairs, a * where no other point has both
less; a plot and `points.jsonl` stay in the folder.
"""

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from judge import PAIRS, Judge, find, numbers, settings_of

from stylecli.job import Job
from stylecli.pipeline.session import Session
from stylecli.settings import Settings
from stylecli.transfer import Progress, schedule

VARIANTS: Final = (
    "draft:quality=draft",
    "normal:quality=normal",
    "high:quality=high",
    "vgg19:encoder=vgg19",
    "vgg19 high:quality=high,warm_start=none",
)
SHARES: Final = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)  # of the last scale's iterations


@dataclass(frozen=True)
class Point:
    """A variant after some iterations of its last scale, on one pair or as means over pairs."""

    variant: str
    iteration: int
    seconds: float
    objective: float
    content: float
    style: float

    def is_beaten_by(self, other: "Point") -> bool:
        """Whether the other is sooner and nearer."""
        return other.seconds < self.seconds and other.objective < self.objective


@contextlib.contextmanager
def schedule_of(settings: dict[str, Any]) -> Iterator[None]:
    """The core's schedule with a variant's `counts` and `last`, taken out of `settings`."""
    counts, last = settings.pop("counts", None), settings.pop("last", None)
    with contextlib.ExitStack() as stack:
        if counts is not None:
            row = tuple(map(int, str(counts).split("/")))
            row += row[-1:] * (4 - len(row))
            rows = dict.fromkeys(schedule.ITERATIONS, row)
            stack.enter_context(mock.patch.object(schedule, "ITERATIONS", rows))
            stack.enter_context(mock.patch.object(schedule, "WARM_START", row))
        if last is not None:
            stack.enter_context(mock.patch.object(schedule, "AFTER_WARM_START", last))
        yield


class Curves:
    """Makes pairs and judges them on the way."""

    def __init__(self, source: Path, folder: Path, size: int) -> None:
        self.source, self.folder, self.size = source, folder, size
        self.judge, self.session = Judge(), Session()

    def points(self, row: int, variant: str) -> list[Point]:
        """Points of a pair during its last scale."""
        name, settings = settings_of(variant)
        content, style = PAIRS[row]
        places = find(self.source / "content", content), find(self.source / "style", style)
        with schedule_of(settings):
            job = Job(
                content=places[0],
                styles=(places[1],),
                output=self.folder / f"{content}_{style}_{name}.png",
                settings=Settings.from_dict({"size": self.size, **settings}),
                existing="overwrite",
            )
            prepared = self.session.prepare(job)
            self.session.load_encoders(job)
            found: list[Point] = []
            started, judging = time.process_time(), 0.0

            def judged(progress: Progress) -> None:
                nonlocal judging
                if progress.scale < progress.scales:
                    return
                marks = {round(share * progress.iterations) for share in SHARES}
                if progress.iteration in marks:
                    now = time.process_time()
                    j = self.judge.judge(progress.image()[None], *places)
                    seconds = now - started - judging
                    found.append(
                        Point(name, progress.iteration, seconds, j.objective, j.content, j.style)
                    )
                    judging += time.process_time() - now

            (result,) = self.session.make([prepared], on_progress=judged)
        self.session.deliver(prepared, result)
        return found


def means(curves: list[list[Point]]) -> list[Point]:
    """Geometric means over pairs, point by point."""
    return [
        Point(
            row[0].variant,
            row[0].iteration,
            *(
                statistics.geometric_mean(getattr(point, name) for point in row)
                for name in ("seconds", "objective", "content", "style")
            ),
        )
        for row in zip(*curves, strict=True)
    ]


def plot(points: list[Point], path: Path) -> None:
    """J against seconds, a line for each variant."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(point.variant for point in points):
        line = [point for point in points if point.variant == name]
        axes.plot([p.seconds for p in line], [p.objective for p in line], marker="o", label=name)
    axes.set_xscale("log")
    axes.set_xlabel("seconds of processor time")
    axes.set_ylabel("J in the original VGG-19")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Make, judge, print and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=numbers, default=range(len(PAIRS)), metavar="0,1,...")
    parser.add_argument("--variant", action="append")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    curves = Curves(given.images, given.folder, given.size)
    points: list[Point] = []
    for variant in given.variant or VARIANTS:
        rows = [curves.points(row, variant) for row in given.pairs]
        points += means(rows)
        last = points[-1]
        print(f"{last.variant}: J {last.objective:.3f} after {last.seconds:.1f} s", flush=True)
    with (given.folder / "points.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(vars(point)) + "\n" for point in points)
    for point in sorted(points, key=lambda each: each.seconds):
        front = " " if any(point.is_beaten_by(other) for other in points) else "*"
        print(
            f"{front} {point.seconds:7.1f} s  J {point.objective:.3f}  content "
            f"{point.content:.3f}  style {point.style:.4f}  {point.variant}, {point.iteration} "
            "iterations at the last scale"
        )
    plot(points, given.folder / "pareto.png")
    print(given.folder / "pareto.png")


if __name__ == "__main__":
    main()
