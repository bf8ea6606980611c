from collections.abc import Callable

import pytest

from stylecli.encoder.registry import STROKES
from stylecli.encoder.vgg import Encoder
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.objective.octaves import (
    FEWEST_POSITIONS,
    Level,
    level_at,
    levels,
    useful_layers,
)
from stylecli.transfer.resample import Size

STRIDE = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4}
LAYERS: LayerWeights = (("relu1_1", 0.5), ("relu2_1", 0.3), ("relu3_1", 0.2))


def levels_of(
    encoder: Encoder, size: Size, layers: LayerWeights = LAYERS, least_scale: float = 1.0
) -> list[Level]:
    steps = encoder.steps_to([name for name, _ in layers])
    return levels(size, None, layers, steps, kind="relative", least_scale=least_scale)


def test_a_layer_takes_part_where_it_has_positions_enough() -> None:
    assert FEWEST_POSITIONS == 8
    assert useful_layers((32, 200), LAYERS, STRIDE) == LAYERS
    found = dict(useful_layers((200, 31), LAYERS, STRIDE))
    assert found == pytest.approx({"relu1_1": 0.625, "relu2_1": 0.375})
    assert useful_layers((15, 200), LAYERS, STRIDE) == (("relu1_1", 1.0),)


def test_the_shallowest_takes_part_at_any_size() -> None:
    assert useful_layers((1, 1), LAYERS, STRIDE) == (("relu1_1", 1.0),)
    assert useful_layers((4, 4), LAYERS[2:], STRIDE) == (("relu3_1", 1.0),)


def test_weights_of_nothing_stay_as_they_are() -> None:
    layers = (("relu1_1", 0.0), ("relu3_1", 1.0))
    assert useful_layers((8, 8), layers, STRIDE) == layers


def test_losses_of_the_paper_have_all_layers(build: Callable[..., Encoder]) -> None:
    steps = build().steps_to(["relu3_1"])
    assert level_at((8, 8), 0, LAYERS, steps, "gatys").layers == LAYERS
    assert level_at((8, 8), 0, LAYERS, steps, "relative").layers != LAYERS


def test_octaves_below_the_first_are_continued_by_a_cell_of_the_deepest_layer(
    compact: Encoder,
) -> None:
    layers = compact.spec.default_style_layers
    found = levels_of(compact, (768, 1024), layers)
    assert [level.size[0] for level in found] == [768, 384, 192, 96, 48]
    assert [level.margin for level in found] == [0, 16, 16, 16, 16]
    assert [len(level.layers) for level in found] == [5, 5, 5, 4, 3]


def test_octaves_end_where_the_shallowest_layer_has_too_few_positions(compact: Encoder) -> None:
    layers = (("relu4_1", 1.0),)
    assert [level.size for level in levels_of(compact, (256, 300), layers)] == [
        (256, 300),
        (128, 150),
        (64, 75),
    ]


@pytest.mark.parametrize("strokes", STROKES)
def test_shares_are_of_one(compact: Encoder, strokes: str) -> None:
    default = compact.spec.default_style_layers
    layers = tuple((name, w * f) for (name, w), f in zip(default, STROKES[strokes], strict=True))
    for level in levels_of(compact, (300, 500), layers):
        assert sum(weight for _, weight in level.layers) == pytest.approx(1.0)
