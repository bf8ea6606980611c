import pytest
import torch
from torchvision.models import vgg as torchvision_vgg

from stylecli.encoder.architecture import VGG16_BLOCKS, VGG19_BLOCKS, vgg_plan
from stylecli.encoder.registry import COMPACT_PLAN, ENCODERS


@pytest.mark.parametrize(("blocks", "config"), [(VGG19_BLOCKS, "E"), (VGG16_BLOCKS, "D")])
def test_indices_and_channels_are_those_of_torchvision(
    blocks: tuple[int, ...], config: str
) -> None:
    with torch.device("meta"):
        features = torchvision_vgg.make_layers(torchvision_vgg.cfgs[config])
    plan = vgg_plan(blocks)
    kinds = {"Conv2d": "conv", "ReLU": "relu", "MaxPool2d": "pool"}
    assert [name.rstrip("0123456789_") for name in plan.layer_names] == [
        kinds[type(layer).__name__] for layer in features
    ]
    convolutions = [layer for layer in features if isinstance(layer, torch.nn.Conv2d)]
    assert plan.channels == tuple(layer.out_channels for layer in convolutions)


def test_well_known_layers_of_vgg19_have_their_well_known_indices() -> None:
    names = vgg_plan(VGG19_BLOCKS).layer_names
    style = [names.index(f"relu{block}_1") for block in range(1, 6)]
    assert style == [1, 6, 11, 20, 29]
    assert names.index("relu4_2") == 22
    assert names[-1] == "pool5"


def test_compact_is_vgg19_up_to_conv5_1() -> None:
    assert COMPACT_PLAN.layer_names == vgg_plan(VGG19_BLOCKS).layer_names[:30]
    assert COMPACT_PLAN.channels == (32, 32, 64, 64, *[128] * 4, 256, 384, 384, 384, 512)


def test_plan_that_ends_with_a_block_keeps_its_pooling() -> None:
    assert vgg_plan(VGG19_BLOCKS, stop_after=2).layer_names[-1] == "pool1"
    assert vgg_plan(VGG19_BLOCKS, stop_after=1).layer_names == ("conv1_1", "relu1_1")


def test_published_figures_are_the_pinned_ones() -> None:
    pinned = {name: (spec.file_name, spec.size, spec.sha256) for name, spec in ENCODERS.items()}
    assert pinned == {
        "compact": (
            "vgg19_compact_v2.safetensors",
            12_376_832,
            "05d7bfdfe1ed9d298ee4c426743837ff2a290653ab6faee8cf22e60f18b7af37",
        ),
        "vgg19": (
            "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            20_063_401,
            "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
        ),
        "torchvision-vgg19": (
            "vgg19-dcbb9e9d.pth",
            574_673_361,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        ),
        "torchvision-vgg16": (
            "vgg16-397923af.pth",
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
    }
