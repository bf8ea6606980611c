"""Where an iteration's time goes, by kind of operation: the textbook's and ours.

    python benchmarks/breakdown.py CONTENT STYLE [SIZE]

Self times of the profiler, one octave, ten iterations; the profiler itself costs a little.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from side import ours, picture, textbook
from torch.profiler import ProfilerActivity, profile

from stylecli.encoder.loading import load_encoder

KINDS = {
    "convolutions (and their ReLU, if fused)": ("conv", "mkldnn::"),
    "ReLU": ("clamp_min", "threshold", "relu"),
    "pooling": ("max_pool", "maximum"),
    "matrix products (Gram, history)": ("mm", "addmv", "dot"),
    "copies and fills": ("copy_", "fill_", "zero_", "cat", "contiguous"),
}
ITERATIONS = 10


def main() -> None:
    """Profile both sides for both encoders."""
    content, style = map(Path, sys.argv[1:3])
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 512
    for name in ("compact", "vgg19"):
        encoder = load_encoder(name)
        pictures = picture(content, size), picture(style, size)
        sides = {
            "textbook": textbook(encoder, *pictures),
            "ours": ours(encoder, *pictures, octaves=1, tile=0),
        }
        found = {side: milliseconds(run) for side, run in sides.items()}
        print(f"\n{name}, {size} px, ms an iteration{'textbook':>28}{'ours':>8}")
        for kind in (*KINDS, "everything else"):
            row = "".join(f"{found[side][kind]:10.1f}" for side in sides)
            print(f"{kind:42}{row}")
        print(f"{'in all':42}" + "".join(f"{sum(each.values()):10.1f}" for each in found.values()))


def milliseconds(run: Callable[[int], object]) -> Counter[str]:
    """Self time by kind, an iteration."""
    run(3)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run(ITERATIONS)
    times: Counter[str] = Counter()
    for event in profiler.key_averages():
        kind = next(
            (kind for kind, words in KINDS.items() if any(word in event.key for word in words)),
            "everything else",
        )
        times[kind] += event.self_cpu_time_total / 1000 / ITERATIONS
    return times


if __name__ == "__main__":
    main()
