import pytest
import torch
from torch.nn import functional as F
from torchvision.models import vgg as torchvision_vgg

from stylecli.encoder.architecture import VGG19_BLOCKS, Plan, vgg_plan
from stylecli.encoder.loading import load_encoder
from stylecli.encoder.registry import EncoderSpec, default_layers
from stylecli.encoder.vgg import Encoder
from stylecli.errors import UsageError
from stylecli.settings import Padding, Pooling

MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)


def build(
    plan: Plan, state: dict[str, torch.Tensor], pooling: Pooling = "max", padding: Padding = "zeros"
) -> Encoder:
    spec = EncoderSpec("test", plan, *default_layers(plan), "test", 0, "")
    weights = {key.removeprefix("features."): value for key, value in state.items()}
    return Encoder(spec, weights, sha256="", pooling=pooling, padding=padding)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(2, 3, 33, 40, generator=torch.Generator().manual_seed(1))


def test_every_layer_equals_torchvision(
    narrow_plan: Plan, state: dict[str, torch.Tensor], image: torch.Tensor
) -> None:
    widths = iter(narrow_plan.channels)
    config = [item if item == "M" else next(widths) for item in torchvision_vgg.cfgs["E"]]
    features = torchvision_vgg.make_layers(config)
    features.load_state_dict(
        {key.removeprefix("features."): v for key, v in state.items() if "classifier" not in key}
    )
    encoder = build(narrow_plan, state)
    found = encoder(image, encoder.layer_names)
    x = (image - MEAN) / STD
    assert len(features) == len(encoder.layer_names) == 37
    for layer, name in zip(features, encoder.layer_names, strict=True):
        if isinstance(layer, torch.nn.ReLU):
            layer.inplace = False
        x = layer(x)
        torch.testing.assert_close(found[name], x, rtol=1e-5, atol=1e-6)


def test_first_layer_replicates_the_border_and_only_it(
    narrow_plan: Plan, state: dict[str, torch.Tensor]
) -> None:
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64)
    encoder = build(narrow_plan, state, padding="replicate").to(torch.float64)
    found = encoder(image, ["conv1_1", "relu1_1", "conv1_2"])
    rows, columns = torch.tensor([0, 0, 1, 2, 3, 3]), torch.tensor([0, 0, 1, 2, 3, 4, 4])
    padded = ((image - encoder.mean) / encoder.std)[:, :, rows][..., columns]
    weight, bias = (state[f"features.0.{part}"].double() for part in ("weight", "bias"))
    torch.testing.assert_close(found["conv1_1"], F.conv2d(padded, weight, bias))
    weight, bias = (state[f"features.2.{part}"].double() for part in ("weight", "bias"))
    expected = F.conv2d(F.pad(found["relu1_1"], (1, 1, 1, 1)), weight, bias)
    torch.testing.assert_close(found["conv1_2"], expected)


def test_flat_picture_has_no_edge_with_replicate_but_has_one_with_zeros(
    narrow_plan: Plan, state: dict[str, torch.Tensor]
) -> None:
    image = torch.full((1, 3, 6, 6), 0.9)
    spread = [
        build(narrow_plan, state, padding=padding)(image, ["conv1_1"])["conv1_1"]
        .flatten(2)
        .std(2)
        .max()
        for padding in ("replicate", "zeros")
    ]
    assert spread[0] < 1e-5 < 1e-2 < spread[1]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling(
    narrow_plan: Plan, state: dict[str, torch.Tensor], image: torch.Tensor, pooling: Pooling
) -> None:
    found = build(narrow_plan, state, pooling=pooling)(image, ["relu1_2", "pool1"])
    blocks = found["relu1_2"][:, :, :32, :40].unflatten(3, (20, 2)).unflatten(2, (16, 2))
    expected = blocks.amax((3, 5)) if pooling == "max" else blocks.mean((3, 5))
    torch.testing.assert_close(found["pool1"], expected)


def test_steps_by_hand_equal_forward() -> None:
    encoder = load_encoder("compact", padding="zeros").to(torch.float64)
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    x = encoder.normalize(image)
    for step in encoder.steps:
        if step.weight is not None:
            x = F.conv2d(x, step.weight, step.bias, padding=1)
        else:
            x = F.relu(x) if step.kind == "relu" else F.max_pool2d(x, 2)
    torch.testing.assert_close(encoder(image, ["relu5_1"])["relu5_1"], x)
    assert x.dtype == torch.float64


def test_everything_is_frozen_and_the_picture_still_has_a_gradient() -> None:
    encoder = load_encoder("compact")
    parameters = list(encoder.parameters())
    assert len(parameters) == 26
    assert sum(p.numel() for p in parameters) == 6_187_424
    assert not any(p.requires_grad for p in parameters)
    assert not any(module.training for module in encoder.modules())
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    encoder(image, ["relu5_1"])["relu5_1"].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(p.grad is None for p in parameters)


def test_gradient_of_the_picture_is_right(
    narrow_plan: Plan, state: dict[str, torch.Tensor]
) -> None:
    encoder = build(narrow_plan, state, padding="replicate").to(torch.float64)
    image = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: encoder(x, ["relu2_1"])["relu2_1"], (image,))


def test_compact_features_have_the_scale_of_the_original() -> None:
    """What the model card says; a wrong normalization of either network would show here."""
    generator = torch.Generator().manual_seed(0)
    image = F.interpolate(torch.rand(1, 3, 8, 8, generator=generator), size=64, mode="bilinear")
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
    compact, original = (load_encoder(name)(image, layers) for name in ("compact", "vgg19"))
    for layer in layers:
        assert 0.6 < compact[layer].square().mean() / original[layer].square().mean() < 1.6


def test_stops_at_the_deepest_layer_asked_for() -> None:
    encoder = load_encoder("compact")
    assert [step.name for step in encoder.steps_to(["relu1_1", "conv1_2"])][-1] == "conv1_2"
    assert encoder.steps_to([]) == ()
    small = torch.rand(1, 3, 2, 2)  # too small for anything past pool1
    assert set(encoder(small, ["relu1_1", "relu1_2"])) == {"relu1_1", "relu1_2"}


def test_smallest_side() -> None:
    encoder = load_encoder("compact")
    assert [encoder.smallest_side([n]) for n in ("relu1_1", "relu3_3", "relu5_1")] == [1, 4, 16]
    assert encoder(torch.rand(1, 3, 16, 16), ["relu5_1"])["relu5_1"].shape == (1, 512, 1, 1)


def test_unknown_layer_in_forward() -> None:
    encoder = load_encoder("compact")
    with pytest.raises(UsageError, match=r"unknown layer 'relu41'; did you mean 'relu4_1'\?"):
        encoder(torch.rand(1, 3, 16, 16), ["relu41"])


def test_plan_of_any_width() -> None:
    assert vgg_plan(VGG19_BLOCKS, width=3).channels[-1] == 24
