"""One side of a comparison as a process of its own, told over standard input what to do.

    python benchmarks/side.py textbook|ours compact|vgg19 OCTAVES SIZE CONTENT STYLE TILE

Each line read is a number of iterations to run; each line written is the seconds they took.
Both sides see the same pictures, encoder and objective. The textbook's process is as tutorials
leave it: no switch of the memory allocator, torch's own threads.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from textbook import Textbook

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.images.reading import read_picture
from stylecli.settings import Compute, Precision, Settings
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
    encoder = load_encoder(encoder_name)
    pair = picture(Path(content), int(size)), picture(Path(style), int(size))
    if side == "textbook":
        run = textbook(encoder, *pair)
    else:
        run = ours(encoder, *pair, int(octaves), int(tile))
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - started, flush=True)


def picture(path: Path, size: int) -> torch.Tensor:
    """(1, 3, H, W) with the given long side."""
    pixels = read_picture(path).pixels.unsqueeze(0)
    return resize(pixels, fit((pixels.shape[-2], pixels.shape[-1]), size))


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
    descent = start(encoder, content, style, Settings(octaves=octaves or None), tile)

    def run(iterations: int) -> None:
        with tuned_malloc(), torch.no_grad():
            for _ in range(iterations):
                descent.iterate()

    return run


def start(
    encoder: Encoder,
    content: torch.Tensor,
    style: torch.Tensor,
    settings: Settings,
    tile: int = 0,
    precision: Precision = "auto",
) -> Descent:
    """A descent of one scale that begins at the content."""
    device, dtype = resolve(Compute(precision=precision))
    targets = Targets(encoder, settings, dtype=dtype, device=device)
    request = Request(content[0], [Style(style[0])], settings)
    size = content.shape[-2], content.shape[-1]
    objective = targets.objective([request], size, tile or None)
    return Descent(content, objective, make_optimizer(settings, HISTORY))


if __name__ == "__main__":
    main()
