"""The program with a core that computes nothing: the command line's tests need no picture.

Run as a script it is `stylize`; FAKE_CORE chooses what the core does besides.
"""

import os
import sys
import time
from typing import Any

import torch

from stylecli import transfer
from stylecli.encoder import loading
from stylecli.encoder.registry import get_spec
from stylecli.errors import MemoryLimitError
from stylecli.pipeline.measure import Meter
from stylecli.transfer.results import Losses, Progress, Result


def fake_stylize(
    requests: Any,
    *,
    compute: Any,
    encoder: Any,
    targets: Any,
    on_progress: Any = None,
    on_preparation: Any = None,
    capture: bool = True,
    resume: Any = None,
) -> list[Result]:
    """The content itself, resized where a size is asked for, after four iterations."""
    act = os.environ.get("FAKE_CORE", "")
    if act == "bug":
        raise ValueError("two and two\nare five")
    if act == "gpu":
        raise RuntimeError(
            "CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA"
        )
    if act == "memory":
        raise MemoryError
    if act == "memory-limit":
        raise MemoryLimitError("nothing fits: take size 64.")
    for done in range(1, 5):
        scale, iteration = 1 + (done > 2), 1 + (done - 1) % 2
        losses = Losses(1.0 / done, 0.5 / done, 0.05 / done)
        sizes = scale, 2, 8 * scale, 6 * scale, iteration, 2
        event = Progress(
            *sizes, done / 4, losses, requests[0].content.clone, (losses,), lambda: {"scale": 0}
        )
        if on_progress is not None:
            on_progress(event)
        if act == "wait":
            print("The core waits", file=sys.stderr, flush=True)  # somebody asks for signals now
        while act == "wait":
            time.sleep(0.05)
            on_progress(event)
    return [_result(request, losses) for request in requests]


def _result(request: Any, losses: Losses) -> Result:
    image, settings = request.content, request.settings
    if settings.size is not None:
        height, width = image.shape[-2:]
        factor = settings.size / max(height, width)
        size = (round(height * factor), round(width * factor))
        image = torch.nn.functional.interpolate(image[None], size=size)[0]
    return Result(
        image=image,
        losses=losses,
        pyramid=((0.42, 0.018), (0.43, 0.02), (float("nan"), 0.03)),
        settings=settings,
        encoder_sha256=FakeEncoder.sha256,
        device="cpu",
        precision="fp32",
        iterations=4,
        seconds=1.25,
        notes=("The fake core recovered from nothing.",),
    )


class FakeEncoder:
    sha256 = get_spec("compact").sha256  # a recipe that is compared with the real one


def install(set_attribute: Any) -> None:
    """Put the fakes in place with `set_attribute(owner, name, value)`."""
    set_attribute(transfer, "stylize_batch", fake_stylize)
    set_attribute(transfer, "make_targets", lambda *args: None)
    set_attribute(Meter, "measure", lambda *args: {"content_distance": 0.5, "style_distance": 0.1})
    set_attribute(loading, "load_encoder", lambda *args, **kwargs: FakeEncoder())


if __name__ == "__main__":
    from stylecli.cli.app import main

    install(setattr)
    sys.exit(main())
