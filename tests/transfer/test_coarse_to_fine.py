"""From one scale to the next."""

from typing import Any

import torch

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer.coarse_to_fine import _enlarge
from stylecli.transfer.request import Request, Style
from stylecli.transfer.resample import resize
from stylecli.transfer.run import Run
from stylecli.transfer.stylization import make_targets

SIZE = (48, 64)


def run_of(compact: Encoder, *contents: torch.Tensor, strengths: tuple[float, ...]) -> Run:
    compute = Compute(device="cpu", precision="fp32")
    requests = tuple(
        Request(content, [Style(content)], Settings(strength=strength))
        for content, strength in zip(contents, strengths, strict=True)
    )
    return Run(requests, make_targets(compact, Settings(), compute), (), compute)


def test_the_content_s_own_detail_is_added(compact: Encoder, content: torch.Tensor) -> None:
    run = run_of(compact, content, strengths=(0.5,))
    small = resize(content[None], (24, 32))
    torch.testing.assert_close(_enlarge(run, small, SIZE), content[None])  # nothing is lost of it
    gray = torch.full_like(small, 0.5)
    detail = content[None] - resize(small, SIZE)
    torch.testing.assert_close(_enlarge(run, gray, SIZE), (0.5 + detail).clamp(0, 1))


def test_each_picture_gets_its_own_and_none_without_a_content_loss(
    compact: Encoder, content: torch.Tensor
) -> None:
    first, second = content[None], content[None].flip(-1)
    run = run_of(compact, first[0], second[0], second[0], strengths=(0.5, 0.5, 1.0))
    image = torch.rand(3, 3, 24, 32)
    kept = image.clone()
    found = _enlarge(run, image, SIZE)
    for index, own in enumerate((first, second)):
        one = run_of(compact, own[0], strengths=(0.5,))
        assert torch.equal(found[index : index + 1], _enlarge(one, image[index : index + 1], SIZE))
    assert torch.equal(found[2:], resize(image[2:], SIZE))
    assert torch.equal(image, kept)


def test_contents_are_not_written_to(compact: Encoder, content: torch.Tensor) -> None:
    """Not even where the content has the size of the scale already."""
    run = run_of(compact, content, strengths=(0.5,))
    kept = content.clone()
    _enlarge(run, torch.rand(1, 3, 24, 32), SIZE)
    assert torch.equal(content, kept)


def test_from_the_content_at_strength_0_every_scale_is_the_content(
    paint: Any, content: torch.Tensor
) -> None:
    large = resize(content[None], (288, 384))[0]
    result = paint(content=large, strength=0.0, chroma_tv=0.0, init="content", iterations=3)
    torch.testing.assert_close(result.image, large, rtol=0, atol=1e-5)
