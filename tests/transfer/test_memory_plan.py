from itertools import pairwise

import pytest
import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.errors import MemoryLimitError
from stylecli.transfer import memory_plan
from stylecli.transfer.memory_model import PROCESS
from stylecli.transfer.memory_plan import (
    CANDIDATES,
    HISTORY,
    largest_side,
    memory_limit,
    plans,
    readable,
)
from stylecli.transfer.resample import fit

from .conftest import BIG, CPU

GIB = 2**30
PLENTY = 1000 * GIB


def test_plans_go_from_the_fastest_to_the_leanest(extractor: FeatureExtractor) -> None:
    found = list(plans(extractor, BIG, tile="auto", limit=PLENTY))
    assert [(plan.history, plan.tile) for plan in found] == list(CANDIDATES)
    assert found[0].history == HISTORY and found[0].tile is None
    assert all(fast.predicted_bytes > lean.predicted_bytes for fast, lean in pairwise(found))


def test_only_plans_within_the_limit(extractor: FeatureExtractor) -> None:
    every = list(plans(extractor, BIG, tile="auto", limit=PLENTY))
    for index, plan in enumerate(every):
        limit = plan.predicted_bytes
        assert list(plans(extractor, BIG, tile="auto", limit=limit)) == every[index:]


@pytest.mark.parametrize(("tile", "side"), [("off", None), (256, 256)])
def test_a_tile_asked_for_is_kept(extractor: FeatureExtractor, tile: str, side: int | None) -> None:
    found = list(plans(extractor, BIG, tile=tile, limit=PLENTY))  # type: ignore[arg-type]
    assert {plan.tile for plan in found} == {side}
    histories = [plan.history for plan in found]
    assert histories == sorted(set(histories), reverse=True)


def test_no_plan_names_a_size_that_has_one(extractor: FeatureExtractor) -> None:
    limit = 2 * GIB
    with pytest.raises(MemoryLimitError, match=r"4000x3000.*2\.0 GiB allowed: use --size \d+ or"):
        next(plans(extractor, BIG, tile="auto", limit=limit))
    side = largest_side(extractor, BIG, "auto", limit)
    assert 500 < side < 4000
    assert list(plans(extractor, fit(BIG, side), tile="auto", limit=limit))
    with pytest.raises(MemoryLimitError):
        next(plans(extractor, fit(BIG, side + 1), tile="auto", limit=limit))


def test_memory_limit_is_what_the_user_allows_or_what_is_free() -> None:
    assert memory_limit(CPU, 123) == 123
    assert 0 < memory_limit(CPU, None) < 2**50


def test_no_plan_and_no_size(extractor: FeatureExtractor) -> None:
    assert largest_side(extractor, BIG, "auto", 2**20) == 0
    with pytest.raises(MemoryLimitError, match="1 MiB allowed: no size fits, so allow a larger"):
        next(plans(extractor, BIG, tile="auto", limit=2**20))


def test_memory_limit_heeds_both_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process takes anyway has its addresses already, not its memory."""
    for addresses, resident, expected in (
        (0, 0, PROCESS),
        (GIB, 0, PROCESS + 0.8 * GIB),
        (GIB, 2 * GIB, 2.8 * GIB),
        (PLENTY, 0, 0.8 * 4 * GIB),
    ):
        monkeypatch.setattr(memory_plan, "free_memory", lambda: 4 * GIB)
        monkeypatch.setattr(memory_plan, "free_addresses", lambda size=addresses: size)
        monkeypatch.setattr(memory_plan, "resident_memory", lambda size=resident: size)
        assert memory_limit(CPU, None) == int(expected)


def test_blocks_that_torch_keeps_on_a_gpu_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"mem_get_info": (GIB, 8 * GIB), "memory_reserved": 5 * GIB, "memory_allocated": GIB}
    for name, value in sizes.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert memory_limit(torch.device("cuda", 1), None) == int(0.8 * 5 * GIB) + PROCESS


def test_readable() -> None:
    assert [readable(n) for n in (3 * 2**20, 2**30, 5 * 2**29)] == ["3 MiB", "1.0 GiB", "2.5 GiB"]
