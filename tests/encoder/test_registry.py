import pytest

from stylecli.encoder.architecture import VGG19_BLOCKS, vgg_plan
from stylecli.encoder.registry import (
    ENCODERS,
    FORMER_COMPACT,
    content_layers,
    default_layers,
    get_spec,
    is_path,
    spec_of_hash,
    style_layers,
)
from stylecli.errors import UsageError


@pytest.mark.parametrize("name", ENCODERS)
def test_default_layers_are_those_of_gatys_et_al(name: str) -> None:
    spec = get_spec(name)
    assert content_layers(spec, None) == (("relu4_2", 1.0),)
    assert style_layers(spec, None) == tuple((f"relu{block}_1", 1.0) for block in range(1, 6))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_names_its_source_and_license(name: str) -> None:
    spec = get_spec(name)
    assert spec.source and spec.license
    assert spec.url is None or spec.package is None


def test_hashes_lead_to_the_encoders_they_belong_to() -> None:
    for spec in (*ENCODERS.values(), FORMER_COMPACT):
        assert spec_of_hash(spec.sha256) is spec
    assert spec_of_hash("0" * 64) is None


def test_former_names_lead_to_the_new_ones() -> None:
    with pytest.raises(UsageError, match="did you mean 'torchvision-vgg16'"):
        get_spec("vgg16")


@pytest.mark.parametrize(
    ("convolutions", "content", "deepest_style"),
    [(1, "relu1_1", "relu1_1"), (8, "relu3_3", "relu3_1"), (10, "relu4_2", "relu4_1")],
)
def test_defaults_of_a_short_network_use_what_it_has(
    convolutions: int, content: str, deepest_style: str
) -> None:
    found = default_layers(vgg_plan(VGG19_BLOCKS, stop_after=convolutions))
    assert found[0] == ((content, 1.0),)
    assert found[1][-1][0] == deepest_style


def test_given_layers_win() -> None:
    assert style_layers(get_spec("torchvision-vgg16"), (("pool2", 3.0),)) == (("pool2", 3.0),)


def test_unknown_layer_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(UsageError, match=r"'relu4_9'; did you mean 'relu4_\d'.*conv1_1, relu1_1"):
        content_layers(get_spec("compact"), (("relu4_9", 1.0),))


def test_layer_past_the_end_of_the_compact_network_is_unknown() -> None:
    with pytest.raises(UsageError, match="unknown layer 'conv5_2'"):
        style_layers(get_spec("compact"), (("conv5_2", 1.0),))


def test_unknown_encoder_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown encoder 'vg19'; did you mean 'vgg19'\?"):
        get_spec("vg19")


@pytest.mark.parametrize("name", ["vgg19", "vg19", "nonsense", "x" * 5000])
def test_names_are_no_paths(name: str) -> None:
    assert not is_path(name)


@pytest.mark.parametrize("name", ["a.pth", "b.SAFETENSORS", "./vgg19", "folder/compact"])
def test_paths_are_recognized_before_they_exist(name: str) -> None:
    assert is_path(name)
