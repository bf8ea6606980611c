"""Weights that would do harm are refused with exit 6, run nothing, and leave the cache clean."""

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file

from stylecli.encoder.cache import hub_folder
from stylecli.encoder.loading import load_encoder

from .scale import entries_of

State = dict[str, torch.Tensor]


class Harm:
    """Unpickled, it calls something with a word."""

    def __init__(self, call: Any, *words: object) -> None:
        self.call, self.words = call, words

    def __reduce__(self) -> Any:
        return self.call, self.words


def _write(path: Path) -> None:
    path.write_text("planted")


TRAPS: dict[str, Callable[[Path], Any]] = {
    "system": lambda planted: Harm(os.system, f"echo x > {planted}"),
    "exec": lambda planted: Harm(exec, f"open({str(planted)!r}, 'w').close()"),
    "eval": lambda planted: Harm(eval, f"open({str(planted)!r}, 'w')"),
    "open": lambda planted: Harm(open, str(planted), "w"),
    "method": lambda planted: Harm(Path.touch, planted),
    "own": lambda planted: Harm(_write, planted),
    "attribute": lambda planted: Harm(getattr, planted, "touch"),
    "nested": lambda planted: Harm(pickle.loads, pickle.dumps(Harm(Path.touch, planted))),
    "torch": lambda planted: Harm(torch.save, {}, str(planted)),
    "import": lambda planted: Harm(__import__, "antigravity"),
}


@pytest.mark.parametrize("form", ["plain", "zip", "legacy"])
@pytest.mark.parametrize("name", TRAPS)
def test_pickles_that_would_do_something(
    name: str, form: str, refused_with: Any, state: State, tmp_path: Path
) -> None:
    planted, path = tmp_path / "planted", tmp_path / "evil.pth"
    content = {**state, "features.0.bias": TRAPS[name](planted)}
    if form == "plain":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    assert "more than plain tensors" in refused_with(path)
    assert not planted.exists()


@pytest.mark.parametrize("name", ["system", "exec", "method", "own", "torch"])
def test_the_traps_do_work(name: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    pickle.loads(pickle.dumps(TRAPS[name](planted)))
    assert planted.exists()


def _forged(length: int, header: bytes = b"{}") -> bytes:
    return struct.pack("<Q", length) + header


OVERLAP = (
    b'{"0.weight":{"dtype":"F32","shape":[1,3,3,3],"data_offsets":[0,108]},'
    b'"0.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
)
HEADERS = {
    "length of all memory": _forged(2**63),
    "length of the largest": _forged(2**64 - 1),
    "length past the file": _forged(10**6),
    "no JSON": _forged(4, b"{]}}"),
    "deep": _forged(200000, b"[" * 200000),
    "no offsets": _forged(31, b'{"0.bias":{"dtype":"F32"}}'.ljust(31)),
    "huge shape": _forged(
        96, b'{"0.weight":{"dtype":"F32","shape":[4096,4096,4096],"data_offsets":[0,9]}}'.ljust(96)
    ),
    "negative": _forged(
        96, b'{"0.weight":{"dtype":"F32","shape":[-1,3],"data_offsets":[-4,4]}}'.ljust(96)
    ),
    "overlapping": _forged(len(OVERLAP), OVERLAP) + bytes(112),
    "nothing": b"",
    "no tensors": save({}),
}


@pytest.mark.parametrize("name", HEADERS)
def test_forged_headers(name: str, refused_with: Any, tmp_path: Path) -> None:
    (path := tmp_path / "a.safetensors").write_bytes(HEADERS[name])
    refused_with(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_numbers_that_are_none(
    bad: float, suffix: str, refused_with: Any, state: State, tmp_path: Path
) -> None:
    state["features.28.weight"][1, 0, 0, 0] = bad
    path = tmp_path / f"a{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    assert "NaN or infinite" in refused_with(path)


def test_an_archive_that_unpacks_to_very_much(refused_with: Any, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
        archive.writestr("archive/version", "3\n")
    refused_with(path)


@pytest.mark.parametrize("name", ["\x1b[31m", "\x1b]0;title\x07", "a\nb", "\x9b2J", "\udcff"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_names_are_shown_escaped(name: str, suffix: str, refused_with: Any, tmp_path: Path) -> None:
    assert refused_with(tmp_path / f"{name}{suffix}").isprintable()
    (tmp_path / f"{name}{suffix}").write_bytes(b"nothing")
    assert refused_with(tmp_path / f"{name}{suffix}").isprintable()


def test_another_architecture(refused_with: Any, tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.ones(64, 3, 7, 7)}, tmp_path / "resnet.pth")
    assert "VGG" in refused_with(tmp_path / "resnet.pth")


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "dangling", "device", "under a file"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_file(kind: str, suffix: str, refused_with: Any, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            (tmp_path / "file").touch()
            path = tmp_path / "file" / path.name
    refused_with(path)


class TestCache:
    def test_a_linked_folder(self, server: Any, refused_with: Any, tmp_path: Path) -> None:
        """The file goes where the link leads, and a damaged one there is not used."""
        (real := tmp_path / "elsewhere").mkdir()
        hub_folder().parent.mkdir(parents=True)
        hub_folder().symlink_to(real)
        (real / "vgg19-narrow.pth").write_bytes(b"damaged")
        assert "damaged" in refused_with("torchvision-vgg19")
        assert entries_of(real) == ["vgg19-narrow.pth"] and server.requests == []

    def test_a_linked_file_of_another_hash(
        self, server: Any, refused_with: Any, tmp_path: Path
    ) -> None:
        (secret := tmp_path / "secret").write_text("mine")
        hub_folder().mkdir(parents=True)
        (hub_folder() / "vgg19-narrow.pth").symlink_to(secret)
        assert "damaged or is another file" in refused_with("torchvision-vgg19")
        assert secret.read_text() == "mine"

    def test_a_link_to_itself(self, server: Any, refused_with: Any, published: bytes) -> None:
        hub_folder().mkdir(parents=True)
        (link := hub_folder() / "vgg19-narrow.pth").symlink_to(link)
        server.body = published[::-1]
        refused_with("torchvision-vgg19")
        assert link.is_symlink() and entries_of(hub_folder()) == [link.name]
        server.body = published
        assert load_encoder("torchvision-vgg19").spec.name == "torchvision-vgg19"
        assert link.read_bytes() == published and entries_of(hub_folder()) == [link.name]

    @pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/cache"])
    def test_nobody_may_write_there(
        self, place: str, server: Any, refused_with: Any, monkeypatch: Any
    ) -> None:
        """Not even root, whom no mode of a folder stops."""
        monkeypatch.setenv("TORCH_HOME", place)
        assert "cannot keep the downloaded weights" in refused_with("torchvision-vgg19")
