"""`compare` and `match` of Python."""

from pathlib import Path

import torch

from stylecli import compare, match


def test_compare_and_match(content_path: Path, style_path: Path, content: torch.Tensor) -> None:
    distances = compare(content_path.read_bytes(), content, device="cpu", size=48)
    assert max(distances.content, distances.style) < 1e-3  # 8 bits
    matches = match(content, content_path.parent, device="cpu")
    assert matches[0].name == "content"
