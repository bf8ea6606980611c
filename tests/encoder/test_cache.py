import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from stylecli.encoder.cache import hub_folder, pull, verify, weights_path, weights_status
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.registry import BUNDLED, ENCODERS
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
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert str(hub_folder()) == f"{torch.hub.get_dir()}/checkpoints"


def test_status_before_and_after(server: Server) -> None:
    compact, _, before, _ = weights_status()
    assert (compact.name, compact.present, compact.spec.url) == ("compact", True, None)
    assert (before.name, before.present) == ("torchvision-vgg19", False)
    load_encoder("torchvision-vgg19")
    after = weights_status()[2]
    assert after.present
    after.file.write_bytes(b"cut")
    assert not weights_status()[2].present


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


def test_a_file_named_after_its_own_hash_is_nobodys_weights(
    server: Server, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    """As converted files once lay in a cache that others may write: all zero, and "intact"."""
    zero = {key.removeprefix("features."): torch.zeros_like(t) for key, t in state.items()}
    data = save({key: t for key, t in zero.items() if not key.startswith("classifier.")})
    spec = ENCODERS["torchvision-vgg19"]
    name = f"{spec.name}-{spec.sha256[:16]}.{hashlib.sha256(data).hexdigest()}.safetensors"
    for folder in (tmp_path / "cache" / "stylecli", hub_folder()):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(data)
    with pytest.raises(WeightsError, match="are not here"):
        verify("torchvision-vgg19")
    with pytest.raises(WeightsError, match="are not here"):
        load_encoder("torchvision-vgg19", download=False)
    weight = load_encoder("torchvision-vgg19").steps[0].weight
    assert weight is not None and bool(weight.any())


def test_pull_of_the_bundled_encoder_only_checks_it() -> None:
    assert pull("compact") == weights_path("compact")


def test_verify(server: Server, published: bytes) -> None:
    assert verify("compact") == weights_path("compact")
    with pytest.raises(WeightsError, match="weights of torchvision-vgg19 are not here"):
        verify("torchvision-vgg19")
    load_encoder("torchvision-vgg19")
    assert verify("torchvision-vgg19") == weights_path("torchvision-vgg19")
    weights_path("torchvision-vgg19").write_bytes(published[:-1] + b"!")
    with pytest.raises(WeightsError, match="stylize weights pull torchvision-vgg19"):
        verify("torchvision-vgg19")


def test_status_needs_no_torch() -> None:
    code = (
        "import sys; from stylecli.encoder.cache import weights_status; weights_status(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
