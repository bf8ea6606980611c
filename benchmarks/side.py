"""One side of a comparison as a process of its own, told over standard input what to do.

    python benchmarks/side.py textbook|ours compact|vgg19-size OCTAVES SIZE CONTENT STYLE TILE

Each line read is a number of iterations to run; each line written is the seconds they took.
Both sides see the same pictures, encoder and objective. The textbook's process is as tutorials
leave it: no switch of the memory allocator, torch's own threads.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from textbook import Textbook

from stylecli.encoder import Encoder, load_encoder
from stylecli.encoder.architecture import VGG19_BLOCKS, vgg_plan
from stylecli.images import read_picture
from stylecli.settings import Compute, Settings
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.compute.device import resolve
from stylecli.transfer.compute.malloc import tuned_malloc
from stylecli.transfer.memory_plan import HISTORY
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.optim.loop import Descent
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import fit, resize


def main() -> None:
    """Set one side up, say so, then run iterations as asked for."""
    side, encoder_name, octaves, size, content, style, tile = sys.argv[1:8]
    encoder = encoder_of(encoder_name)
    pictures = [picture(Path(path), int(size)) for path in (content, style)]
    if side == "textbook":
        run = textbook(encoder, *pictures)
    else:
        run = ours(encoder, *pictures, int(octaves), int(tile))
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - started, flush=True)


def picture(path: Path, size: int) -> torch.Tensor:
    """(1, 3, H, W) with the given long side."""
    pixels = read_picture(path).pixels.unsqueeze(0)
    return resize(pixels, fit((pixels.shape[-2], pixels.shape[-1]), size))


def encoder_of(name: str) -> Encoder:
    """The bundled encoder, or one of VGG-19's size with random weights: the same work."""
    return load_encoder("compact") if name == "compact" else random_vgg19()


def random_vgg19(width: int = 64) -> Encoder:
    """VGG-19's plan to conv5_1 with He-initialised weights, for timing alone."""
    generator = torch.Generator().manual_seed(0)
    plan = vgg_plan(VGG19_BLOCKS, width=width, stop_after=13)
    weights = {}
    channels = 3
    for (index, _), wide in zip(plan.convolutions, plan.channels, strict=True):
        scale = (2 / (9 * channels)) ** 0.5
        drawn = torch.randn((wide, channels, 3, 3), generator=generator)
        weights[f"{index}.weight"] = scale * drawn
        weights[f"{index}.bias"] = torch.zeros(wide)
        channels = wide
    spec = replace(load_encoder("compact").spec, name="random", plan=plan)
    return Encoder(spec, weights, sha256="")


def textbook(
    encoder: Encoder, content: torch.Tensor, style: torch.Tensor
) -> Callable[[int], object]:
    """The textbook loop; its objective has one octave."""
    alpha, beta = Settings().loss_weights()
    return Textbook(encoder, content, style, alpha, beta).run


def ours(
    encoder: Encoder, content: torch.Tensor, style: torch.Tensor, octaves: int, tile: int
) -> Callable[[int], object]:
    """Whole iterations of ours: objective, gradient, step; 0 octaves are all."""
    device, dtype = resolve(Compute())
    settings = Settings(octaves=octaves or None)
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    request = Request(content[0], [Style(style[0])], settings)
    size = content.shape[-2], content.shape[-1]
    objective = targets.objective([request], size, tile or None)
    descent = Descent(content, objective, make_optimizer(settings, HISTORY))

    def run(iterations: int) -> None:
        with tuned_malloc(), torch.no_grad():
            for _ in range(iterations):
                descent.iterate()

    return run


if __name__ == "__main__":
    main()
