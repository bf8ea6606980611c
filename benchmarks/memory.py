"""Predicted against measured peak memory of one scale, each in a process of its own.

    python benchmarks/memory.py [compact|vgg19]

Three iterations of the scale alone, with the plan given: history, tile, pictures at once.
"""

import resource
import subprocess
import sys

import torch

from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer.coarse_to_fine import make_optimizer
from stylecli.transfer.compute.device import resolve
from stylecli.transfer.compute.malloc import release_free_memory, tuned_malloc
from stylecli.transfer.memory_model import predict_bytes
from stylecli.transfer.objective.targets import Targets
from stylecli.transfer.optim.loop import Descent
from stylecli.transfer.request import Request, Style

CASES = (  # long side, history, tile or 0, pictures at once
    (256, 20, 0, 1),
    (512, 20, 0, 1),
    (192, 20, 0, 8),
    (1024, 20, 0, 1),
    (1024, 10, 512, 1),
    (1536, 20, 0, 1),
    (2048, 5, 1024, 1),
    (2048, 5, 512, 1),
    (4096, 3, 512, 1),
)


def main() -> None:
    """Start a process for each case, or be one."""
    encoder, *case = sys.argv[1:] or ["compact"]
    if case:
        one(encoder, *map(int, case))
        return
    print("  size history  tile pictures   predicted  measured")
    for numbers in CASES:
        words = [sys.executable, __file__, encoder, *map(str, numbers)]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        print("{:6} {:7} {:5} {:8}   ".format(*numbers) + found, end="", flush=True)


def one(encoder_name: str, size: int, history: int, tile: int, pictures: int) -> None:
    """Run the case and print both figures in MiB."""
    encoder = load_encoder(encoder_name)
    device, dtype = resolve(Compute())
    targets = Targets(encoder, Settings(), dtype=dtype, device=device)
    shape = (size * 3 // 4, size)
    picture = torch.rand(3, *shape)
    request = Request(picture, [Style(picture)], Settings())
    with tuned_malloc(), torch.no_grad():
        objective = targets.objective([request] * pictures, shape, tile or None)
        release_free_memory()
        image = torch.rand(pictures, 3, *shape)
        descent = Descent(image, objective, make_optimizer(Settings(), history))
        del image
        for _ in range(3):
            descent.iterate()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    predicted = predict_bytes(targets.extractor, shape, tile or None, history, batch=pictures)
    print(f"{predicted / 2**20:7.0f}   {peak / 2**20:7.0f}   {predicted / peak:.2f}")


if __name__ == "__main__":
    main()
