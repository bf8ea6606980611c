"""Weights are packed for the sizes that occur: oneDNN rearranges none in later iterations."""

import os
import subprocess
import sys

import pytest
import torch

from stylecli.encoder.kernels import MAX_SHAPES, Convolution, PackedWeight

RUN = """
import sys, torch
from stylecli.encoder.loading import load_encoder
from stylecli.settings import Compute, Settings
from stylecli.transfer.stylization import make_targets
from stylecli.transfer.request import Request, Style

targets = make_targets(load_encoder(sys.argv[1]), Settings(), Compute(device="cpu"))
for size in ((512, 512), (384, 512), (512, 341)):
    image = torch.rand(1, 3, *size)
    request = Request(image[0], [Style(image[0])], Settings())
    objective = targets.objective([request], size)
    objective(image)
    print("again", flush=True)
    objective(image)
    print("done", flush=True)
"""


def _packs() -> bool:
    weight = torch.zeros(1, 1, 3, 3)
    return Convolution(weight, torch.zeros(1), torch.float32).fused


needs_packing = pytest.mark.skipif(not _packs(), reason="this build of torch packs no weights")


@needs_packing
@pytest.mark.parametrize("encoder", ["compact", "vgg19"])
def test_nothing_is_rearranged_after_the_first_iteration(encoder: str) -> None:
    environment = {**os.environ, "ONEDNN_VERBOSE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", RUN, encoder],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    parts = found.split("again\n")
    assert len(parts) == 4
    assert "primitive,exec,cpu,reorder" in parts[0]  # the packing itself: the words are right
    for part in parts[1:]:
        iteration = part.partition("done\n")[0]
        assert iteration.count("exec,cpu,convolution") > 50
        rearranged = [line for line in iteration.splitlines() if "exec,cpu,reorder" in line]
        assert rearranged == []


@needs_packing
def test_sizes_with_one_layout_share_one_copy() -> None:
    packed = PackedWeight(torch.rand(64, 64, 3, 3), torch.float32)
    sizes = [(side, side) for side in range(16, 80, 4)]
    weights = {id(packed.for_input(torch.empty(1, 64, *size))) for size in sizes}
    assert len(weights) < len(sizes) / 2
    first = packed.for_input(torch.empty(1, 64, 16, 16))
    assert packed.for_input(torch.empty(1, 64, 16, 16)) is first


@needs_packing
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_packing_gives_the_same_convolution(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 32, 3, 3, generator=generator)
    bias = torch.randn(48, generator=generator)
    convolution = Convolution(weight, bias, dtype)
    if not convolution.fused:
        pytest.skip("no fused convolution in this precision")
    for size in ((8, 8), (17, 33), (64, 48), (5, 200)):
        x = torch.randn(1, 32, *size, generator=generator).to(dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        rounded = weight.to(dtype).float(), bias.to(dtype).float()
        wanted = torch.conv2d(x.float(), *rounded, padding=1).relu()
        found = convolution.forward(x, relu=True).float()
        tolerance = 1e-4 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance * 20)


@needs_packing
def test_shapes_that_are_remembered_are_bounded() -> None:
    packed = PackedWeight(torch.rand(1, 1, 3, 3), torch.float32)
    for width in range(1, MAX_SHAPES + 10):
        packed.for_input(torch.empty(1, 1, 1, width))
    assert len(packed._of_shape) <= MAX_SHAPES
