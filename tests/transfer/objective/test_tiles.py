import itertools
from collections.abc import Callable

import pytest
import torch

from stylecli.encoder.vgg import Encoder
from stylecli.transfer.objective.tiles import halo, strides, tiles_of
from stylecli.transfer.resample import Size

from ..naive import counted

SIZES = [(45, 70), (33, 16), (4, 100), (71, 64)]


def test_halo_is_the_reach_of_the_deepest_position(compact: Encoder) -> None:
    """A VGG position sees 1 pixel more a side for each convolution, at its stride."""
    expected = {"relu1_1": 1, "relu1_2": 2, "relu2_1": 4, "relu3_1": 12, "relu5_1": 80}
    assert {name: halo(compact.steps_to([name])) for name in expected} == expected


def test_strides_double_at_each_pooling(compact: Encoder) -> None:
    found = strides(compact.steps_to(["relu3_1"]))
    assert [found[name] for name in ("relu1_2", "pool1", "relu2_1", "pool2")] == [1, 2, 2, 4]


@pytest.mark.parametrize(("size", "tile"), list(itertools.product(SIZES, (4, 8, 20, 64))))
def test_every_position_is_owned_once(build: Callable[..., Encoder], size: Size, tile: int) -> None:
    steps = build().steps_to(["relu3_3"])
    for stride in (1, 2, 4):
        count = torch.zeros(1, 1, size[0] // stride, size[1] // stride)
        for one in tiles_of(size, tile, steps):
            one.interior(count, stride).add_(1)
        assert bool((count == 1).all())


@pytest.mark.parametrize("margin", [0, 8])
@pytest.mark.parametrize(("size", "tile"), list(itertools.product(SIZES, (None, 8, 24))))
def test_owned_features_are_the_whole_pictures(
    build: Callable[..., Encoder], size: Size, tile: int | None, margin: int
) -> None:
    """And each is owned once, but for a margin, which is only seen."""
    encoder, layers = build(), ("relu1_1", "relu2_1", "relu3_3")
    generator = torch.Generator().manual_seed(0)
    sides = (size[0] + 2 * margin, size[1] + 2 * margin)
    image = torch.rand((1, 3, *sides), generator=generator, dtype=torch.float64)
    whole, steps = encoder(image, layers), encoder.steps_to(layers)
    tiles = tiles_of(size, tile, steps, margin)
    assert (len(tiles) > 1) == (tile is not None)
    count = {name: torch.zeros_like(whole[name][:, :1]) for name in layers}
    for one in tiles:
        features = encoder(one.cut(image), layers)
        for name in layers:
            stride = strides(steps)[name]
            wanted = one.interior(whole[name], stride)
            torch.testing.assert_close(one.owned(features[name], stride), wanted)
            one.interior(count[name], stride).add_(1)
    for name in layers:
        inside = counted(count[name], torch.Size(size), margin, strides(steps)[name])
        assert bool((inside == 1).all())
        assert float(count[name].sum()) == inside.numel()


def test_one_tile_where_the_picture_fits(compact: Encoder) -> None:
    steps = compact.steps_to(["relu5_1"])
    assert len(tiles_of((300, 200), None, steps)) == 1
    assert len(tiles_of((300, 200), 300, steps)) == 1
    assert len(tiles_of((300, 200), 299, steps)) == 2
