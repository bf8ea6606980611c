import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stylecli.encoder.architecture import VGG19_BLOCKS, Plan, vgg_plan
from stylecli.encoder.cache import hub_folder
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.registry import BUNDLED, ENCODERS, FORMER_COMPACT
from stylecli.errors import MemoryLimitError, UsageError, WeightsError
from stylecli.settings import GATYS_RATIO

from .conftest import Server, random_weights

State = dict[str, torch.Tensor]


def test_compact_is_bundled_intact_with_its_card() -> None:
    content = (BUNDLED / "vgg19_compact_v2.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == ENCODERS["compact"].sha256
    assert len(content) == ENCODERS["compact"].size
    card = (BUNDLED / "MODEL_CARD.md").read_text()
    assert ENCODERS["compact"].sha256 in card and ENCODERS["compact"].file_name in card
    encoder = load_encoder("compact")
    assert encoder.sha256 == ENCODERS["compact"].sha256
    assert encoder.layer_names[-1] == "relu5_1"
    with safe_open(BUNDLED / "vgg19_compact_v2.safetensors", "pt") as file:
        weight = file.get_tensor("28.weight").float()
    torch.testing.assert_close(encoder.steps[28].weight, weight, rtol=0, atol=0)


def test_compact_needs_neither_torchvision_nor_network() -> None:
    code = (
        "import sys; from stylecli.encoder.loading import load_encoder; load_encoder('compact'); "
        "print(sorted({'torchvision', 'stylecli.encoder.download'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_damaged_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((BUNDLED / "vgg19_compact_v2.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "vgg19_compact_v2.safetensors").write_bytes(content)
    monkeypatch.setattr("stylecli.encoder.cache.BUNDLED", tmp_path)
    with pytest.raises(WeightsError, match="damaged.*reinstall stylecli"):
        load_encoder("compact")


def test_first_load_downloads(server: Server, state: State) -> None:
    messages: list[str] = []
    asked_before: list[int] = []

    def say(message: str) -> None:
        messages.append(message)
        asked_before.append(len(server.requests))

    encoder = load_encoder("torchvision-vgg19", on_message=say)
    assert messages[0].startswith("Downloading vgg19-narrow.pth")
    assert asked_before[0] == 0
    assert encoder.sha256 == ENCODERS["torchvision-vgg19"].sha256
    torch.testing.assert_close(encoder.steps[34].weight, state["features.34.weight"])
    assert (hub_folder() / "vgg19-narrow.pth").is_file()


def test_later_loads_need_no_network(server: Server) -> None:
    first = load_encoder("torchvision-vgg19")
    again = load_encoder("torchvision-vgg19", download=False)
    assert len(server.requests) == 1
    assert again.sha256 == first.sha256
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_past_the_memory_allowed_are_refused(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "a.pth")
    load_encoder(str(tmp_path / "a.pth"), max_bytes=100_000)
    with pytest.raises(MemoryLimitError, match="raise --max-memory"):
        load_encoder(str(tmp_path / "a.pth"), max_bytes=3000)


@pytest.mark.parametrize("fault", ["changed", "truncated"])
def test_damaged_published_file_is_refused(server: Server, published: bytes, fault: str) -> None:
    changed = bytes([published[0] ^ 1]) + published[1:]
    hub_folder().mkdir(parents=True)
    file = hub_folder() / "vgg19-narrow.pth"
    file.write_bytes(changed if fault == "changed" else published[:-1])
    with pytest.raises(WeightsError, match="damaged.*stylize weights pull torchvision-vgg19"):
        load_encoder("torchvision-vgg19")
    assert server.requests == []


def test_without_download_the_message_says_what_to_do(server: Server) -> None:
    with pytest.raises(WeightsError) as caught:
        load_encoder("torchvision-vgg19", download=False)
    message = str(caught.value)
    for part in ("vgg19-narrow.pth", "https://weights.invalid", str(hub_folder()), "weights pull"):
        assert part in message
    assert server.requests == []


def test_file_of_another_network_under_the_pinned_hash(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ENCODERS["torchvision-vgg19"]
    object.__setattr__(spec, "plan", vgg_plan(VGG19_BLOCKS, width=4))
    with pytest.raises(WeightsError, match="another network"):
        load_encoder("torchvision-vgg19")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_path(tmp_path: Path, state: State, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    encoder = load_encoder(str(path), pooling="average", padding="zeros")
    assert encoder.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (encoder.pooling, encoder.padding) == ("average", "zeros")
    assert encoder.spec.default_content_layers == (("relu4_2", 1.0),)
    assert encoder(torch.rand(1, 3, 32, 32), ["pool5"])["pool5"].shape == (1, 16, 1, 1)


def test_file_of_any_widths_is_used_by_its_own(tmp_path: Path) -> None:
    plan = Plan(VGG19_BLOCKS, (3, 5, 7, 2, 9, 4, 6, 8, 10, 3))
    save_file(random_weights(plan, prefix=""), tmp_path / "c.safetensors")
    encoder = load_encoder(str(tmp_path / "c.safetensors"))
    assert encoder.spec.plan == plan
    assert encoder.spec.default_content_layers == (("relu4_2", 1.0),)
    assert encoder(torch.rand(1, 3, 16, 16), ["relu4_2"])["relu4_2"].shape == (1, 3, 2, 2)


def test_copy_of_a_known_file_keeps_what_was_calibrated_for_it(tmp_path: Path) -> None:
    spec = ENCODERS["compact"]
    path = tmp_path / "copy.safetensors"
    path.write_bytes((BUNDLED / spec.file_name).read_bytes())
    copy = load_encoder(str(path)).spec
    assert copy == dataclasses.replace(spec, name=str(path), file_name=path.name)
    assert copy.gatys_ratio != GATYS_RATIO  # that of files nothing is known of


def test_former_bundled_file_keeps_its_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vgg19_compact.safetensors"
    save_file(random_weights(FORMER_COMPACT.plan, prefix=""), path)
    monkeypatch.setattr("stylecli.encoder.loading.sha256_of", lambda _: FORMER_COMPACT.sha256)
    spec = load_encoder(str(path)).spec
    assert spec.default_content_layers == (("relu3_3", 1.0),)
    assert [weight for _, weight in spec.default_style_layers] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("name", "fault"),
    [("none.pth", "does not exist"), ("folder.pth", "not a regular file"), ("w.bin", "must be a")],
)
def test_path_that_is_no_weights_file(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "w.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=fault):
        load_encoder(str(tmp_path / name))


def test_unreadable_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrow_plan: Plan
) -> None:
    save_file(random_weights(narrow_plan), tmp_path / "a.safetensors")

    def fail(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(WeightsError, match="permission denied"):
        load_encoder(str(tmp_path / "a.safetensors"))


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'compact'"):
        load_encoder("compct")
