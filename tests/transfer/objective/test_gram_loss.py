from typing import Any

import pytest
import torch

from stylecli.encoder.vgg import Step
from stylecli.settings import LossKind
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.gram_loss import Key, StyleTerm, blend, positions_of, style_scale
from stylecli.transfer.objective.octaves import Level
from stylecli.transfer.objective.tiles import Tile, tiles_of
from stylecli.transfer.objective.types import Octave, Region, target_of
from stylecli.transfer.resample import Size

from ..conftest import random

SIZE: Size = (24, 20)
BETA = torch.tensor([2.0, 0.5], dtype=torch.float64)
LAYERS = (("fine", 0.75), ("coarse", 0.25))
STRIDE = {"fine": 1, "coarse": 2}
CHANNELS = {"fine": 3, "coarse": 5}
STEPS = (Step("conv", "fine"), Step("pool", "pool"), Step("conv", "coarse"))
(WHOLE,) = tiles_of(SIZE, None, STEPS)


def features(seed: int = 0) -> dict[str, torch.Tensor]:
    """Of two pictures, channels last as a extractor gives them."""
    found = {}
    for name, channels in CHANNELS.items():
        size = (SIZE[0] // STRIDE[name], SIZE[1] // STRIDE[name])
        found[name] = random(2, channels, *size, seed=seed) - 0.3
    return {n: x.contiguous(memory_format=torch.channels_last) for n, x in found.items()}


def grams(seed: int) -> dict[str, torch.Tensor]:
    return {name: losses.gram(x) for name, x in features(seed).items()}


def region(seed: int, share: float) -> Region:
    """A soft region, by a guide at each layer."""
    guides = {name: random(1, 1, *x.shape[-2:], seed=seed) for name, x in features().items()}
    squares = {name: float(guide.square().sum()) for name, guide in guides.items()}
    wanted = {name: target_of(gram) for name, gram in grams(seed + 10).items()}
    return Region(wanted, share, guides, squares)


def term_of(*regions: Region, kind: LossKind = "relative") -> StyleTerm:
    return StyleTerm(Octave(Level(SIZE, LAYERS), regions, 0.5), kind, STRIDE)


def sums_of(term: StyleTerm, found: dict[str, torch.Tensor]) -> dict[Key, torch.Tensor]:
    sums: dict[Key, torch.Tensor] = {}
    term.add_sums(sums, found, WHOLE)
    return sums


def naive_loss(term: StyleTerm, found: dict[str, torch.Tensor]) -> torch.Tensor:
    """Σ over regions and layers, pictures one by one, of ‖F_r F_rᵀ / ΣT² − A‖² (Gatys 2017)."""
    total = []
    for picture in range(2):
        value = torch.zeros((), dtype=torch.float64)
        for one in term.octave.regions:
            for name, weight in term.octave.level.layers:
                x, wanted = found[name][picture], one.grams[name].value[picture]
                guide = torch.ones_like(x[0]) if one.guides is None else one.guides[name][0, 0]
                guided = (x * guide).flatten(1)
                distance = guided @ guided.T / (guide**2).sum() - wanted
                scale = 1.0 / (4.0 * len(x) ** 2)
                if term.kind == "relative":
                    scale = 1.0 / float((wanted**2).sum())
                value = value + 0.5 * one.share * weight * scale * (distance**2).sum()
        total.append(value)
    return torch.stack(total)


@pytest.mark.parametrize("kind", ["relative", "gatys"])
@pytest.mark.parametrize("shares", [(1.0,), (0.7, 0.2)])
def test_guided_gram_matrices_and_their_gradient(kind: LossKind, shares: tuple[float, ...]) -> None:
    term = term_of(*(region(n, share) for n, share in enumerate(shares)), kind=kind)
    variables = {name: x.clone().requires_grad_() for name, x in features().items()}
    expected = naive_loss(term, variables)
    gradients = torch.autograd.grad((BETA * expected).sum(), list(variables.values()))
    sums = sums_of(term, features())
    value, factors = term.value(sums, term.constants(BETA), torch.float64)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=0)
    makes = term.gradients(features(), WHOLE, factors)
    for (name, make), wanted in zip(makes.items(), gradients, strict=True):
        torch.testing.assert_close(make(), wanted, rtol=1e-10, atol=1e-15, msg=name)


def test_each_regions_sum_is_of_its_guided_features() -> None:
    one, other = region(1, 0.5), region(2, 0.5)
    sums = sums_of(term_of(one, other), features())
    for index, each in enumerate((one, other)):
        for name, x in features().items():
            assert each.guides is not None
            guided = x * each.guides[name]
            wanted = torch.einsum("bihw,bjhw->bij", guided, guided)
            torch.testing.assert_close(sums[index, name], wanted)


def test_a_region_of_ones_is_the_whole_picture() -> None:
    guides = {name: torch.ones_like(x[:1, :1]) for name, x in features().items()}
    counts = {name: float(guide.numel()) for name, guide in guides.items()}
    wanted = {name: target_of(gram) for name, gram in grams(5).items()}
    found = []
    for one in (Region(wanted), Region(wanted, 1.0, guides, counts)):
        term = term_of(one)
        value, factors = term.value(sums_of(term, features()), term.constants(BETA), torch.float64)
        found.append((value, term.gradients(features(), WHOLE, factors)["coarse"]()))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])


@pytest.mark.parametrize("guided", [False, True])
def test_tiles_add_up_and_leave_their_halo_alone(guided: bool) -> None:
    whole = [Region({name: target_of(gram) for name, gram in grams(5).items()})]
    term = term_of(*([region(1, 0.6), region(2, 0.4)] if guided else whole))
    found = features()
    sums: dict[Any, torch.Tensor] = {}
    tiles = tiles_of(SIZE, 8, STEPS)
    assert len(tiles) > 4

    def seen(tile: Tile) -> dict[str, torch.Tensor]:
        return {name: tile.with_halo(x, STRIDE[name]) for name, x in found.items()}

    for tile in tiles:
        term.add_sums(sums, seen(tile), tile)
    for key, wanted in sums_of(term, found).items():
        torch.testing.assert_close(sums[key], wanted)
    _, factors = term.value(sums, term.constants(BETA), torch.float64)
    at_once = term.gradients(found, WHOLE, factors)
    for name, make in at_once.items():
        total = torch.zeros_like(found[name])
        for tile in tiles:
            part = term.gradients(seen(tile), tile, factors)[name]()
            tile.with_halo(total, STRIDE[name]).add_(part)
        torch.testing.assert_close(total, make())


@pytest.mark.parametrize("tile", [None, 8])
def test_elsewhere_a_halo_is_cleared_by_a_map(tile: int | None) -> None:
    """As where a device is none of the CPU; the map is made once."""
    term = term_of(Region({}))
    for one in tiles_of(SIZE, tile, STEPS, margin=4):
        gradient = torch.rand(2, 3, 40, 40, dtype=torch.float64)
        gradient = one.with_halo(gradient, 1).clone()
        expected = one.clear_halo(gradient.clone(), 1)
        assert torch.equal(gradient * term.interior(gradient, "fine", one), expected)
        assert term.interior(gradient, "fine", one) is term.interior(gradient, "fine", one)


def test_positions() -> None:
    one = region(1, 1.0)
    assert one.positions is not None
    assert positions_of(one, "fine", (9, 9), 1) == one.positions["fine"]
    assert positions_of(Region({}), "fine", (9, 7), 1) == 63.0
    assert positions_of(Region({}), "coarse", (9, 7), 2) == 12.0  # a pooling leaves a row out


def test_scale_of_either_kind() -> None:
    wanted = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]]])
    found = style_scale("relative", target_of(wanted))
    torch.testing.assert_close(found, torch.tensor([1 / 25, 1.0]))
    found = style_scale("gatys", target_of(wanted))
    torch.testing.assert_close(found, torch.tensor([1 / 16, 1 / 16]))


def test_blend_is_the_weighted_sum() -> None:
    one, other = ({"a": torch.tensor([[[x]]]), "b": torch.tensor([[[2 * x]]])} for x in (1.0, 3.0))
    found = blend([one, other], [0.75, 0.25])
    assert {name: float(value) for name, value in found.items()} == {"a": 1.5, "b": 3.0}
    assert float(one["a"]) == 1.0
    with pytest.raises(ValueError, match="shorter|longer"):
        blend([one, other], [1.0])
