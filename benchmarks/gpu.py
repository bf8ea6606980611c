"""Seconds an iteration and a picture on a GPU: ours and the textbook loop on the same device.

    python benchmarks/gpu.py CONTENT STYLE [--device cuda] [--sizes 256 512 1024 2048 4096]
        [--encoders compact vgg19] [--rounds 5]

An iteration is timed by events on the device, after both sides have warmed up and ours has been
captured as a CUDA graph; medians of the rounds, both sides in turn. The textbook has one octave,
ours all of them and, for comparison, one. A picture is timed from the loaded encoder to the pixels
on the host. Peak memory is that of torch's allocator.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from side import picture
from textbook import Textbook

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer import Request, Style
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.compute.cuda_graph import WARM_UP, GraphReplay
from stylecli.transfer.compute.device import resolve
from stylecli.transfer.memory_plan import HISTORY
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.objective.tiles import StyleTiling
from stylecli.transfer.optim.loop import Descent
from stylecli.transfer.stylization import stylize_batch

ITERATIONS = 20  # between two events
Body = Callable[[int], None]


def main() -> None:
    """Parse, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", nargs="*", type=int, default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--encoders", nargs="*", default=["compact", "vgg19"])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    device, dtype = resolve(Compute(device=given.device))
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name(device)}, {dtype}")
    for name in given.encoders:
        encoder = load_encoder(name)
        for size in given.sizes:
            pair = [picture(path, size) for path in (given.content, given.style)]
            measure(f"{name} {size} px", encoder, pair, given)


def measure(
    title: str, encoder: Encoder, pair: list[torch.Tensor], given: argparse.Namespace
) -> None:
    """One line of the table; what does not fit into the device's memory is left out."""
    sides: dict[str, Callable[[], Body]] = {
        "all octaves": lambda: ours(encoder, pair, None, given.device),
        "one octave": lambda: ours(encoder, pair, 1, given.device),
        "textbook": lambda: textbook(encoder, pair, given.device),
    }
    bodies: dict[str, Body] = {}
    for name, make in sides.items():
        try:
            bodies[name] = make()
            bodies[name](WARM_UP + 2)
        except torch.OutOfMemoryError:
            bodies.pop(name, None)
    seconds: dict[str, list[float]] = {name: [] for name in bodies}
    for _ in range(given.rounds):
        for name, body in bodies.items():
            seconds[name].append(timed(body, given.device))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    parts = [f"{name} {1000 * value:.2f} ms" for name, value in medians.items()]
    if {"textbook", "one octave"} <= medians.keys():
        parts.append(f"ratio {medians['textbook'] / medians['one octave']:.2f}")
    bodies.clear()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(given.device)
    started = time.perf_counter()
    request = Request(pair[0][0], [Style(pair[1][0])], Settings())
    stylize_batch([request], compute=Compute(device=given.device), encoder=encoder)
    peak = torch.cuda.max_memory_allocated(given.device) / 2**30
    parts.append(f"a picture {time.perf_counter() - started:.2f} s, peak {peak:.2f} GiB")
    print(f"{title}: {', '.join(parts)}", flush=True)


def timed(body: Body, device: str) -> float:
    """Seconds an iteration, by events on the device."""
    with torch.cuda.device(device):
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        start.record()
        body(ITERATIONS)
        end.record()
        end.synchronize()
    return float(start.elapsed_time(end)) / 1000 / ITERATIONS


def ours(encoder: Encoder, pair: list[torch.Tensor], octaves: int | None, name: str) -> Body:
    """Whole iterations of ours as a run has them: as a CUDA graph."""
    device, dtype = resolve(Compute(device=name))
    settings = Settings(octaves=octaves)
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    content, style = (one[0].to(device) for one in pair)
    size = content.shape[-2], content.shape[-1]
    tiling = StyleTiling(None, lambda _: None)
    request = Request(content, [Style(style)], settings)
    with torch.no_grad():
        objective = targets.objective([request], size, None, tiling)
        descent = Descent(content[None], objective, make_optimizer(settings, HISTORY))
    replay = GraphReplay(descent.iterate, device)

    def run(iterations: int) -> None:
        with torch.no_grad():
            for _ in range(iterations):
                replay()
        assert replay.failure is None, replay.failure

    return run


def textbook(encoder: Encoder, pair: list[torch.Tensor], device: str) -> Body:
    """The textbook loop on the device, with torch's defaults."""
    alpha, beta = Settings().loss_weights()
    content, style = (one.to(device) for one in pair)
    return Textbook(encoder.to(device), content, style, alpha, beta).run


if __name__ == "__main__":
    main()
