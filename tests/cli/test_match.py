"""`stylize match`, with the real encoder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylecli.encoder.registry import get_spec
from stylecli.recognition import matching


@pytest.fixture
def works(tmp_path: Path) -> Path:
    """Five styles: stripes of a width and a color each, one of them with two pictures."""
    folder = tmp_path / "works"
    for number in range(5):
        y, x = torch.meshgrid(torch.arange(120), torch.arange(150), indexing="ij")
        for copy in range(1 + (number == 4)):
            wave = 0.5 + 0.5 * torch.sin((x * (number + 1) + y * (2 + copy)) / 4.0)
            color = torch.tensor([1.0, 0.3 + 0.15 * number, 1.0 - 0.2 * number])
            pixels = (wave[..., None] * color * 255).byte().numpy()
            name = f"style{number}.png" if number < 4 else f"style4/copy{copy}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("match",), 2, "say which PICTURE to match"),
        (("match", "a.png"), 2, "say which PICTURE to match"),
        (("match", "--build", "works"), 2, "say where to write the gallery"),
        (("match", "--build", "works", "-o", "x.png"), 2, "say where to write the gallery"),
        (("match", "a.png", "--build", "works", "-o", "x.safetensors"), 2, "take one folder"),
        (("match", "--build", "nowhere", "-o", "x.safetensors"), 4, "is no folder of pictures"),
    ],
)
def test_refused(run: Any, arguments: Any, code: int, words: str) -> None:
    found = run(*arguments)
    assert found[0] == code
    assert words in found[2]


def test_a_folder_and_its_gallery_match_alike(run: Any, works: Path) -> None:
    picture = works / "style2.png"
    _, out, _ = run("match", picture, works, "--json")
    from_folder = json.loads(out)
    assert (from_folder["style"], len(from_folder["matches"])) == ("style2", 5)
    assert run("match", "--build", works, "-o", "g.safetensors")[0] == 0
    assert json.loads(run("match", picture, "g.safetensors", "--json")[1]) == from_folder
    lines = run("match", works / "style4" / "copy1.png", "g.safetensors", "--top", 2)[
        1
    ].splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["0.0000", "style4"]


def test_a_gallery_is_not_overwritten_unasked(run: Any, works: Path) -> None:
    Path("g.safetensors").write_text("mine")
    code, _, err = run("match", "--build", works, "-o", "g.safetensors")
    assert (code, "exists already" in err) == (5, True)
    assert Path("g.safetensors").read_text() == "mine"
    assert run("match", "--build", works, "-o", "g.safetensors", "-f")[0] == 0


def test_nothing_near_is_unknown(run: Any, works: Path, content_path: Path) -> None:
    code, out, _ = run("match", content_path, works, "--threshold", 0.01, "--check")
    assert code == 8
    assert out.splitlines()[-1] == "unknown: nothing is within 0.01"


def test_training_reports_and_keeps_the_code(run: Any, works: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(matching, "CROPS", 6)
    monkeypatch.setattr(matching, "CROP", 64)
    monkeypatch.setattr(matching, "WHOLE", (64, 128))
    code, out, err = run("match", "--train", works, "-o", "g.safetensors", "--json")
    assert code == 0, err
    report = json.loads(out)["report"]
    assert set(report) == {"raw", "trained"}
    assert 0.5 < report["trained"]["auc"] <= 1.0
    _, out, _ = run("match", works / "style1.png", "g.safetensors", "--json")
    found = json.loads(out)
    assert found["style"] == "style1"
    assert found["threshold"] == report["trained"]["threshold"]


def test_training_needs_styles_to_hold_out(run: Any, works: Path) -> None:
    for number in (0, 1):
        (works / f"style{number}.png").unlink()
    code, _, err = run("match", "--train", works, "-o", "g.safetensors")
    assert (code, "at least 4 styles" in err) == (2, True)


def test_a_gallery_of_another_encoder_is_refused(run: Any, works: Path, monkeypatch: Any) -> None:
    run("match", "--build", works, "-o", "g.safetensors")
    data = Path("g.safetensors").read_bytes()
    changed = data.replace(get_spec("compact").sha256.encode(), b"0" * 64)
    assert changed != data
    Path("g.safetensors").write_bytes(changed)
    code, _, err = run("match", works / "style1.png", "g.safetensors")
    assert (code, "made with the encoder compact, which is another one" in err) == (4, True)


def test_a_broken_picture_in_a_gallery_is_named_and_the_rest_ranked(
    run: Any, content_path: Path, works: Path
) -> None:
    data = (works / "style0.png").read_bytes()
    (works / "style0.png").write_bytes(data[: len(data) // 2])
    code, out, err = run("match", content_path, works)
    assert code == 0 and len([line for line in out.splitlines() if " style" in line]) == 4
    assert "left out: cannot read" in err and "style0.png" in err
    for path in works.rglob("*.png"):
        path.write_bytes(data[:50])
    assert run("match", content_path, works)[0] == 4
