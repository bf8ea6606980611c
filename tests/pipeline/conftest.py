"""A core that answers at once and remembers what it was asked."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from stylecli import transfer
from stylecli.encoder import loading
from stylecli.pipeline.measure import Meter
from stylecli.transfer.results import Losses, Result


@dataclass
class FakeCore:
    """Stands for `transfer.stylize_batch`: gives back `image`, the content, or an error."""

    image: torch.Tensor | None = None
    error: Exception | None = None
    asked: dict[str, Any] = field(default_factory=dict)

    def __call__(self, requests: Any, **keywords: Any) -> list[Result]:
        (request,) = requests
        self.asked = {
            "content": request.content,
            "styles": [style.picture for style in request.styles],
            "settings": request.settings,
            "init_image": request.init,
            "request": request,
            **keywords,
        }
        if self.error is not None:
            raise self.error
        return [
            Result(
                image=request.content if self.image is None else self.image,
                losses=Losses(0.5, 0.4, 0.1),
                pyramid=((0.4, 0.1), (0.3, float("inf"))),
                settings=request.settings,
                encoder_sha256="e" * 64,
                device="cpu",
                precision="fp32",
                iterations=3,
                seconds=1.0,
                notes=("It was easy.",),
            )
        ]


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> FakeCore:
    fake = FakeCore()
    monkeypatch.setattr(transfer, "stylize_batch", fake)
    monkeypatch.setattr(transfer, "make_targets", lambda *_: "the targets")
    monkeypatch.setattr(Meter, "measure", lambda *_: {"style_distance": 0.1})
    return fake


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `load_encoder` was called with; it loads nothing."""
    calls: list[tuple[Any, ...]] = []

    def load(*arguments: Any, **keywords: Any) -> str:
        calls.append((arguments, keywords))
        return "the encoder"

    monkeypatch.setattr(loading, "load_encoder", load)
    return calls
