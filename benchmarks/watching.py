"""What `--watch` and `--preview` cost: the same run with and without, in turn.

    python benchmarks/watching.py CONTENT STYLE [--size 384] [--rounds 5]

The page is asked for its state and its picture every second, from another process, as a browser
does.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stylecli.job import Job
from stylecli.monitor.live_page import Watch
from stylecli.monitor.preview import Preview
from stylecli.pipeline.single import run_job
from stylecli.settings import Settings

BROWSER = """
import sys, time, urllib.request
while True:
    for path in ("state.json", "picture.jpg"):
        try:
            urllib.request.urlopen(sys.argv[1] + path, timeout=5).read()
        except OSError:
            time.sleep(0.2)
    time.sleep(1)
"""


def plain(job: Job) -> None:
    """Nobody looks."""
    run_job(job)


def watched(job: Job) -> None:
    """A page, and a browser that asks it."""
    with Watch() as page:
        browser = subprocess.Popen([sys.executable, "-c", BROWSER, page.url])
        try:
            run_job(job, callbacks=[page])
        finally:
            browser.kill()
            browser.wait()


def previewed(job: Job) -> None:
    """A picture kept fresh on disk."""
    run_job(job, callbacks=[Preview(job.output.with_suffix(".preview.jpg"))])


def main() -> None:
    """Seconds of each, and how much more than a plain run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    kinds = (plain, watched, previewed)
    times: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            content=given.content,
            styles=(given.style,),
            output=Path(folder) / "out.png",
            settings=Settings(size=given.size),
            existing="overwrite",
        )
        run_job(job)
        for _ in range(given.rounds):
            for kind in kinds:
                started = time.perf_counter()
                kind(job)
                times[kind.__name__].append(time.perf_counter() - started)
    base = times["plain"]
    for name, seconds in times.items():
        ratios = [mine / own for mine, own in zip(seconds, base, strict=True)]
        print(f"{name}: {statistics.median(seconds):.2f} s, {statistics.median(ratios):.3f} times")


if __name__ == "__main__":
    main()
