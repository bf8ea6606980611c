"""A narrow VGG-19 as torchvision would publish it, and a server on this machine that has it."""

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from stylecli.encoder.architecture import VGG19_BLOCKS, Plan, vgg_plan
from stylecli.encoder.registry import ENCODERS, EncoderSpec, default_layers

from ..transfer.conftest import build as build
from ..transfer.conftest import compact as compact


def random_weights(plan: Plan, *, prefix: str = "features.") -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weights, inputs = {}, 3
    for (index, _), outputs in zip(plan.convolutions, plan.channels, strict=True):
        scale = (2 / (9 * inputs)) ** 0.5
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * scale
        weights[f"{prefix}{index}.weight"] = weight
        weights[f"{prefix}{index}.bias"] = torch.randn(outputs, generator=generator) * 0.1
        inputs = outputs
    return weights


@pytest.fixture
def narrow_plan() -> Plan:
    return vgg_plan(VGG19_BLOCKS, width=2)


@pytest.fixture
def state(narrow_plan: Plan) -> dict[str, torch.Tensor]:
    """As torchvision's: keys `features.N.weight`, and a classifier that is not needed."""
    classifier = {"classifier.0.weight": torch.ones(300, 100), "classifier.0.bias": torch.ones(300)}
    return {**random_weights(narrow_plan), **classifier}


@pytest.fixture
def published(
    tmp_path: Path,
    state: dict[str, torch.Tensor],
    narrow_plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> bytes:
    """The bytes of a file that stands for `torchvision-vgg19`, in the old format as its own."""
    for name in ("TORCH_HOME", "STYLECLI_CACHE", "STYLECLI_WEIGHTS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    file = tmp_path / "narrow.pth"
    torch.save(state, file, _use_new_zipfile_serialization=False)
    content = file.read_bytes()
    spec = EncoderSpec(
        "torchvision-vgg19",
        narrow_plan,
        *default_layers(narrow_plan),
        "vgg19-narrow.pth",
        len(content),
        hashlib.sha256(content).hexdigest(),
        "https://weights.invalid/vgg19-narrow.pth",
    )
    monkeypatch.setitem(ENCODERS, "torchvision-vgg19", spec)
    return content


@dataclasses.dataclass
class Server:
    """What it answers, and how often it was asked."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    declared: int | None = None
    location: str | None = None
    hangs: bool = False
    requests: list[str] = dataclasses.field(default_factory=list)
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)


@pytest.fixture
def server(published: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A mirror of the published file."""
    state = Server(body=published)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            if state.hangs:
                state.stop.wait(20)
                return
            redirects = state.location is not None and len(state.requests) == 1
            self.send_response(302 if redirects else state.status)
            if redirects:
                self.send_header("Location", str(state.location))
            if state.declared != -1:
                self.send_header("Content-Length", str(state.declared or len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}/models"
    monkeypatch.setenv("STYLECLI_WEIGHTS_URL", state.url)
    yield state
    state.stop.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()
