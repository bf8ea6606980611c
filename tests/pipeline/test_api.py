"""`stylecli.stylize`: every kind of picture, and every wrong one."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from stylecli import InputError, MemoryLimitError, SettingsError, stylize
from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Settings


def test_every_kind_of_picture(
    core: Any, loaded: Any, content: torch.Tensor, style_path: Path
) -> None:
    levels = (content * 255).round().byte()
    array = levels.permute(1, 2, 0).numpy()
    floats = array.astype(numpy.float64) / 255
    for picture in (levels, levels.float() / 255, array, floats, Image.fromarray(array)):
        result = stylize(picture, str(style_path))
        assert result.image.dtype == torch.float32
        assert torch.allclose(result.image, levels / 255, atol=1e-6)
    stylize(style_path, [levels, Image.fromarray(array)])
    assert len(core.asked["styles"]) == 2


def test_settings_and_compute(core: Any, loaded: Any, content: torch.Tensor) -> None:
    stylize(
        content,
        content,
        size=32,
        seed=3,
        encoder="torchvision-vgg16",
        device="cpu",
        precision="fp32",
    )
    assert core.asked["settings"] == Settings(size=32, seed=3, encoder="torchvision-vgg16")
    assert core.asked["compute"] == Compute(device="cpu", precision="fp32")
    assert loaded[0][0] == ("torchvision-vgg16",)


def test_an_encoder_loaded_before(core: Any, loaded: Any, content: torch.Tensor) -> None:
    mine = load_encoder("compact", pooling="average", padding="zeros")
    stylize(content, content, encoder=mine)
    assert loaded == []
    assert core.asked["encoder"] is mine
    expected = Settings(encoder="compact", pooling="average", padding="zeros")
    assert core.asked["settings"] == expected


def test_init(
    core: Any, loaded: Any, content: torch.Tensor, content_path: Path, style_path: Path
) -> None:
    stylize(content, content, init="content")
    assert core.asked["init_image"] is None
    assert core.asked["settings"].init == "content"
    stylize(content, content, init=content)
    torch.testing.assert_close(core.asked["init_image"], content, rtol=0, atol=0)
    stylize(content, content, init=content_path)
    assert core.asked["settings"].init == str(content_path)
    with pytest.raises(
        InputError, match="^the start picture is 56x40 pixels and the content is 64x48"
    ):
        stylize(content, content, init=style_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (3, "content must be a path"),
        (None, "got NoneType"),
        (torch.zeros(1, 3, 8, 8), r"shape \(1, 3, 8, 8\)"),
        (torch.zeros(8, 8, 3), r"shape \(8, 8, 3\)"),
        (torch.zeros(3, 0, 8), "shape"),
        (numpy.zeros((8, 8)), "shape"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "floating point or uint8"),
        (torch.full((3, 8, 8), 255.0), r"in \[0, 1\]"),
        (torch.full((3, 8, 8), -0.5), r"in \[0, 1\]"),
        (torch.full((3, 8, 8), float("nan")), r"in \[0, 1\]"),
        ("missing.png", "no such file"),
    ],
)
def test_what_is_no_picture(
    core: Any, loaded: Any, content: torch.Tensor, wrong: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        stylize(wrong, content)


def test_no_style(core: Any, loaded: Any, content: torch.Tensor) -> None:
    with pytest.raises(InputError, match="style is empty"):
        stylize(content, [])


def test_unknown_setting(core: Any, loaded: Any, content: torch.Tensor) -> None:
    with pytest.raises(SettingsError, match="did you mean 'strength'"):
        stylize(content, content, **{"strenght": 1.0})  # type: ignore[arg-type]


def test_memory(core: Any, loaded: Any, content: torch.Tensor) -> None:
    core.raises[1] = MemoryError()
    with pytest.raises(MemoryLimitError, match="64 pixels: try size 32"):
        stylize(content, content)


def test_alpha_is_kept_and_hidden_colors_are_not(
    core: Any, loaded: Any, content: torch.Tensor
) -> None:
    planes = torch.cat([content, torch.ones(1, 48, 64)])
    planes[3, :, :32] = 0.0
    found = []
    for hidden in (0.0, 1.0):
        planes[:3, :, :32] = hidden
        array = (planes * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        clear = Image.fromarray(array)
        image = stylize(clear, clear).to_pil()
        assert image.mode == "RGBA"
        assert image.getchannel("A").tobytes() == clear.getchannel("A").tobytes()
        request = core.asked["request"]
        assert torch.equal(request.visible, planes[3:])
        assert torch.equal(request.styles[0].mask, planes[3:])
        found.append(request.content)
    assert torch.equal(*found)
    assert stylize(content, content).to_pil().mode == "RGB"
