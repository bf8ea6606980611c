import itertools
from collections.abc import Callable

import pytest
import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.encoder.vgg import Encoder
from stylecli.errors import UsageError
from stylecli.settings import Padding, Pooling

CPU = torch.device("cpu")
SIZES = [(16, 16), (13, 18), (9, 4), (5, 31)]
LAYER_SETS = [
    ("relu3_3",),
    ("relu1_1", "relu2_1", "relu3_1", "relu3_3"),
    ("conv1_1",),
    ("conv1_1", "relu1_1", "conv2_2", "pool2", "relu2_2", "conv3_2"),  # before and after ReLU
    ("pool1", "relu1_2", "relu3_2", "conv3_3"),
]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def extractor_of(
    encoder: Encoder, layers: tuple[str, ...], dtype: torch.dtype = torch.float64
) -> FeatureExtractor:
    return FeatureExtractor(encoder, layers, dtype=dtype, device=CPU)


def autograd(
    encoder: Encoder, image: torch.Tensor, layers: tuple[str, ...]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], torch.Tensor]:
    """Features, random gradients for them, and what autograd carries back to the pixels."""
    image = image.clone().requires_grad_()
    features = encoder(image, layers)
    gradients = {
        name: random(*features[name].shape, seed=seed) - 0.5 for seed, name in enumerate(layers, 1)
    }
    (expected,) = torch.autograd.grad(
        [features[name] for name in layers], image, [gradients[name] for name in layers]
    )
    return {name: x.detach() for name, x in features.items()}, gradients, expected


def made(gradients: dict[str, torch.Tensor]) -> dict[str, Callable[[], torch.Tensor]]:
    """Gradients as a backward pass wants them: it writes to their memory."""
    return {name: gradient.clone for name, gradient in gradients.items()}


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("layers", LAYER_SETS, ids=lambda layers: "+".join(layers))
@pytest.mark.parametrize(
    ("pooling", "padding"), list(itertools.product(("max", "average"), ("replicate", "zeros")))
)
def test_features_and_gradients_equal_the_encoders(
    build: Callable[..., Encoder], layers: tuple[str, ...], pooling: Pooling, padding: Padding
) -> None:
    encoder = build(pooling, padding)
    extractor = extractor_of(encoder, layers)
    for size in SIZES:
        image = random(2, 3, *size)
        features, gradients, expected = autograd(encoder, image, layers)
        tape = extractor.forward(image)
        assert tape.features.keys() == set(layers)
        for name in layers:  # layers asked for survive the ReLU after them
            assert relative_error(tape.features[name], features[name]) < 1e-10, (name, size)
        found = extractor.backward(tape, made(gradients))
        assert found.shape == image.shape
        assert relative_error(found, expected) < 1e-10, size
        assert not tape.features and not any(x is not None for x in tape.kept)  # all let go


def test_gradients_of_some_layers_only(build: Callable[..., Encoder]) -> None:
    """A layer without a gradient adds nothing, even where it is the deepest."""
    encoder = build()
    layers = ("relu1_1", "relu2_1", "relu3_3")
    image = random(1, 3, 13, 11)
    extractor = extractor_of(encoder, layers)
    for some in (("relu2_1",), ("relu1_1", "relu3_3")):
        _, gradients, expected = autograd(encoder, image, some)
        found = extractor.backward(extractor.forward(image), made(gradients))
        assert relative_error(found, expected) < 1e-10


def test_backward_is_linear_in_the_gradients(build: Callable[..., Encoder]) -> None:
    extractor = extractor_of(build(), ("relu2_1", "relu3_1"))
    image = random(1, 3, 12, 10)
    features = extractor.forward(image).features
    ones = {name: random(*x.shape, seed=1) for name, x in features.items()}
    first, second, both = (
        extractor.backward(extractor.forward(image), made(each))
        for each in (*({name: one} for name, one in ones.items()), ones)
    )
    torch.testing.assert_close(both, first + second)


def test_image_and_encoder_stay_as_they_are(build: Callable[..., Encoder]) -> None:
    encoder = build()
    image = random(1, 3, 8, 8)
    before, weights = image.clone(), {k: v.clone() for k, v in encoder.state_dict().items()}
    extractor = extractor_of(encoder, ("conv1_1", "relu3_3"))
    tape = extractor.forward(image)
    extractor.backward(tape, made({"relu3_3": torch.ones_like(tape.features["relu3_3"])}))
    assert torch.equal(image, before)
    assert all(torch.equal(v, weights[k]) for k, v in encoder.state_dict().items())


def test_stops_at_the_deepest_layer(build: Callable[..., Encoder]) -> None:
    extractor = extractor_of(build(), ("relu1_1", "relu2_1"))
    assert [step.name for step in extractor.steps][-1] == "relu2_1"
    assert extractor.smallest_side == 2


def test_pictures_of_a_batch_do_not_meet(build: Callable[..., Encoder]) -> None:
    extractor = extractor_of(build(), ("relu3_3",))
    image = random(2, 3, 11, 14)
    tape = extractor.forward(image)
    gradient = random(*tape.features["relu3_3"].shape, seed=1)
    batched = extractor.backward(tape, made({"relu3_3": gradient}))
    for b in (0, 1):
        one = extractor.forward(image[b : b + 1])
        alone = extractor.backward(one, made({"relu3_3": gradient[b : b + 1]}))
        torch.testing.assert_close(batched[b : b + 1], alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("dtype", "near", "near_gradient"),
    [(torch.float32, 1e-5, 1e-5), (torch.bfloat16, 0.02, 0.3)],  # bf16 has ties in the poolings
)
def test_lower_precision_is_close(
    compact: Encoder, dtype: torch.dtype, near: float, near_gradient: float
) -> None:
    """Features in the working precision, the pixels' gradient in float32."""
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    image = torch.nn.functional.interpolate(random(1, 3, 6, 6), (32, 40), mode="bilinear")
    exact = extractor_of(compact, layers)
    tape = exact.forward(image)
    features = dict(tape.features)
    expected = exact.backward(tape, made(features))  # of ½ Σ features²
    extractor = extractor_of(compact, layers, dtype)
    low = extractor.forward(image.float())
    low_features = dict(low.features)
    found = extractor.backward(low, made(low_features))
    assert {x.dtype for x in low_features.values()} == {dtype}
    assert found.dtype == torch.float32
    for name in layers:
        assert relative_error(low_features[name].double(), features[name]) < near
    assert relative_error(found.double(), expected) < near_gradient


def test_unknown_layer(build: Callable[..., Encoder]) -> None:
    with pytest.raises(UsageError, match=r"unknown layer 'relu31'; did you mean 'relu3_1'\?"):
        extractor_of(build(), ("relu31",))
