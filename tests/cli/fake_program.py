"""The program with a core that computes nothing: the command line's tests need no picture.

Run as a script it is `stylize`; FAKE_CORE makes the core fail, or wait for a signal.
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

ERRORS = {
    "bug": ValueError("two and two\nare five"),
    "gpu": RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA"),
    "memory": MemoryError(),
    "memory-limit": MemoryLimitError("nothing fits: take size 64."),
}


class FakeCore:
    """Stands for `transfer.stylize_batch`: each content itself, or `image`, after some iterations.

    It is resized where a size is asked for. `raises` holds an error by the number of requests,
    `together` these numbers, `asked` the last call, with its first request taken apart.
    """

    def __init__(self) -> None:
        self.image: torch.Tensor | None = None
        self.iterations = 4
        self.raises: dict[int, Exception] = {}
        self.together: list[int] = []
        self.asked: dict[str, Any] = {}

    def __call__(self, requests: Any, *, on_progress: Any = None, **keywords: Any) -> list[Result]:
        first = requests[0]
        self.asked = {
            "content": first.content,
            "styles": [style.picture for style in first.styles],
            "settings": first.settings,
            "init_image": first.init,
            "request": first,
            "on_progress": on_progress,
            **keywords,
        }
        self.together.append(len(requests))
        act = os.environ.get("FAKE_CORE", "")
        if error := self.raises.get(len(requests)) or ERRORS.get(act):
            raise error
        for done in range(1, self.iterations + 1):
            event = _progress(done, first.content)
            if on_progress is not None:
                on_progress(event)
            if act == "wait":
                print("The core waits", file=sys.stderr, flush=True)  # for somebody's signal
            while act == "wait":
                time.sleep(0.05)
                on_progress(event)
        return [self._result(request) for request in requests]

    def _result(self, request: Any) -> Result:
        image, settings = request.content, request.settings
        if self.image is not None:
            image = self.image
        elif settings.size is not None:
            height, width = image.shape[-2:]
            factor = settings.size / max(height, width)
            size = (round(height * factor), round(width * factor))
            image = torch.nn.functional.interpolate(image[None], size=size)[0]
        return Result(
            image=image,
            losses=Losses(0.25, 0.125, 0.0125),
            pyramid=((0.42, 0.018), (0.43, 0.02), (float("nan"), 0.03)),
            settings=settings,
            encoder_sha256=FakeEncoder.sha256,
            device="cpu",
            precision="fp32",
            iterations=4,
            seconds=1.25,
            notes=("The fake core recovered from nothing.",),
        )


def _progress(done: int, image: torch.Tensor) -> Progress:
    """Of two scales with two iterations each."""
    scale, iteration = 1 + (done > 2), 1 + (done - 1) % 2
    losses = Losses(1.0 / done, 0.5 / done, 0.05 / done)
    sizes = scale, 2, 8 * scale, 6 * scale, iteration, 2
    pixels, state = lambda _=0: image.clone(), lambda: {"scale": 0}
    return Progress(*sizes, done / 4, losses, pixels, (losses,), state)


class FakeEncoder:
    sha256 = get_spec("compact").sha256  # a recipe that is compared with the real one


def install(set_attribute: Any) -> FakeCore:
    """Put the fakes in place with `set_attribute(owner, name, value)`."""
    core = FakeCore()
    set_attribute(transfer, "stylize_batch", core)
    set_attribute(transfer, "make_targets", lambda *args: None)
    set_attribute(Meter, "measure", lambda *args: {"content_distance": 0.5, "style_distance": 0.1})
    set_attribute(loading, "load_encoder", lambda *args, **kwargs: FakeEncoder())
    return core


if __name__ == "__main__":
    from stylecli.cli.app import main

    install(setattr)
    sys.exit(main())
