from collections.abc import Callable
from dataclasses import replace

import pytest

from stylecli.encoder.vgg import Encoder
from stylecli.settings import Settings
from stylecli.transfer.objective.loss_weights import COARSE_SIDE, Weights, weights_of


def test_style_weights_become_shares_and_the_rest_stays(build: Callable[..., Encoder]) -> None:
    settings = Settings(
        alpha=2.0,
        beta=30.0,
        tv=0.5,
        chroma_tv=0.25,
        losses="gatys",
        content_layers=(("relu3_3", 3.0),),
        style_layers=(("relu1_1", 5.0), ("relu2_1", 3.0)),
    )
    weights = weights_of(build(), settings)
    assert (weights.alpha, weights.beta, weights.tv, weights.chroma_tv) == (2.0, 30.0, 0.5, 0.25)
    assert weights.content == (("relu3_3", 3.0),)
    assert weights.style == (("relu1_1", 0.625), ("relu2_1", 0.375))
    assert weights.kind == "gatys"


def test_content_layers_of_small_scales() -> None:
    fine, coarse = (("relu4_2", 1.0),), (("relu3_3", 1.0),)
    weights = Weights(1.0, 1.0, 0.0, 0.0, fine, (), coarse_content=coarse)
    small = (COARSE_SIDE - 1, 900)
    assert weights.content_at(small, is_last=False) == coarse
    assert weights.content_at(small) == (*coarse, *fine)
    assert weights.content_at((900, COARSE_SIDE), is_last=False) == fine
    assert weights.content_at((900, COARSE_SIDE)) == fine
    assert replace(weights, coarse_content=None).content_at((32, 32)) == fine


@pytest.mark.parametrize(
    ("settings", "coarse"),
    [
        (Settings(), (("relu3_3", 1.0),)),
        (Settings(content_layers=(("relu4_1", 2.0),)), None),  # as given, at every scale
        (Settings(losses="gatys"), None),  # the paper's, to the letter
    ],
)
def test_only_default_layers_change_with_the_scale(
    compact: Encoder, settings: Settings, coarse: object
) -> None:
    assert weights_of(compact, settings).coarse_content == coarse
