"""`stylize video --dry-run` and `stylize compare --video` on a real clip."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.cli.app import main

from .conftest import Frames


def test_a_dry_run_and_a_comparison(
    cv2: Any,
    write_clip: Callable[..., Path],
    moving: Frames,
    style_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A clip compared with itself is as steady as itself, and far from the style."""
    clip = write_clip(moving)
    (masks := tmp_path / "masks").mkdir()
    for number in range(4):  # the first leaves nothing to paint
        Image.new("L", (64, 48), 255 * (number > 0)).save(masks / f"{number}.png")
    before = sorted(tmp_path.iterdir())
    words = [str(clip), str(style_path), "-o", str(tmp_path / "o.mp4"), "--dry-run", "--json"]
    assert main(["video", *words]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["frames"], plan["shots"], plan["size"]) == (4, [[0, 3]], [64, 48])
    assert plan["seconds"] > 0.0 and plan["bytes"] > 0
    assert main(["video", *words[:-1], "--mask", str(masks / "%d.png")]) == 0
    assert "4 frames of 64x48 in 1 shot(s)" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
    assert main(["compare", str(clip), str(clip), "--video", "--style", str(style_path)]) == 0
    assert "(1 times the content's own)" in capsys.readouterr().out
