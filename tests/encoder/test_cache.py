import subprocess
import sys
from pathlib import Path

import pytest

from stylecli.encoder import (
    cache_folder,
    hub_folder,
    load_encoder,
    pull,
    verify,
    weights_path,
    weights_status,
)
from stylecli.encoder.registry import BUNDLED
from stylecli.errors import UsageError, WeightsError

from .conftest import Server


def test_folder_is_where_torch_hub_keeps_its_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch.hub

    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert str(hub_folder()) == f"{torch.hub.get_dir()}/checkpoints"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert str(hub_folder()) == f"{torch.hub.get_dir()}/checkpoints"
    assert cache_folder() == tmp_path / "xdg" / "stylecli"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert str(hub_folder()) == f"{torch.hub.get_dir()}/checkpoints"
    monkeypatch.setenv("STYLECLI_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_status_before_and_after(server: Server) -> None:
    compact, _, before, _ = weights_status()
    assert (compact.name, compact.usable, compact.spec.url) == ("compact", True, None)
    assert (before.name, before.present, before.usable) == ("torchvision-vgg19", False, False)
    load_encoder("torchvision-vgg19")
    after = weights_status()[2]
    assert (after.present, len(after.extracts), after.usable) == (True, 1, True)
    after.file.write_bytes(b"cut")
    assert not weights_status()[2].present
    assert weights_status()[2].usable


def test_path_of_weights(published: bytes) -> None:
    assert weights_path("torchvision-vgg19") == hub_folder() / "vgg19-narrow.pth"
    assert weights_path("compact") == BUNDLED / "vgg19_compact_v2.safetensors"
    with pytest.raises(UsageError, match="did you mean 'torchvision-vgg16'"):
        weights_path("torchvision-vg16")


def test_pull_downloads_once(server: Server) -> None:
    messages: list[str] = []
    path = pull("torchvision-vgg19", on_message=messages.append)
    assert path == weights_path("torchvision-vgg19")
    assert len(messages) == 1
    assert pull("torchvision-vgg19") == path
    assert len(server.requests) == 1


def test_pull_replaces_a_damaged_file(server: Server, published: bytes) -> None:
    path = weights_path("torchvision-vgg19")
    path.parent.mkdir(parents=True)
    path.write_bytes(published[:-1] + b"!")
    pull("torchvision-vgg19")
    assert path.read_bytes() == published
    assert len(server.requests) == 1


def test_pull_is_content_with_an_intact_extract(server: Server) -> None:
    load_encoder("torchvision-vgg19")
    weights_path("torchvision-vgg19").unlink()
    (extract,) = weights_status()[2].extracts
    assert pull("torchvision-vgg19") == extract
    extract.write_bytes(b"damaged")
    assert pull("torchvision-vgg19") == weights_path("torchvision-vgg19")
    assert len(server.requests) == 2


def test_pull_of_the_bundled_encoder_only_checks_it() -> None:
    assert pull("compact") == weights_path("compact")


def test_verify(server: Server, published: bytes) -> None:
    assert verify("compact") == (weights_path("compact"),)
    with pytest.raises(WeightsError, match="weights of torchvision-vgg19 are not here"):
        verify("torchvision-vgg19")
    load_encoder("torchvision-vgg19")
    (extract,) = weights_status()[2].extracts
    assert verify("torchvision-vgg19") == (weights_path("torchvision-vgg19"), extract)
    extract.write_bytes(extract.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="delete it"):
        verify("torchvision-vgg19")
    weights_path("torchvision-vgg19").write_bytes(published[:-1] + b"!")
    with pytest.raises(WeightsError, match="stylize weights pull torchvision-vgg19"):
        verify("torchvision-vgg19")


def test_status_needs_no_torch() -> None:
    code = (
        "import sys; from stylecli.encoder import weights_status; weights_status(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
