import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from stylecli.encoder import Encoder
from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.errors import MemoryLimitError
from stylecli.transfer import memory_plan
from stylecli.transfer.memory_plan import (
    CANDIDATES,
    HISTORY,
    PROCESS,
    largest_side,
    memory_limit,
    plans,
    predict_bytes,
    readable,
)
from stylecli.transfer.resample import fit

CPU = torch.device("cpu")
GIB = 2**30
PLENTY = 1000 * GIB
BIG = (3000, 4000)


@pytest.fixture(scope="module")
def extractor(compact: Encoder) -> FeatureExtractor:
    return FeatureExtractor(compact, ["relu5_1"], dtype=torch.float32, device=CPU)


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


def test_predictions_grow_with_what_costs_memory(extractor: FeatureExtractor) -> None:
    base = predict_bytes(extractor, (500, 700), None, 10)
    assert predict_bytes(extractor, (1000, 700), None, 10) > base
    assert predict_bytes(extractor, (500, 700), None, 20) - base == 10 * 24 * 500 * 700
    assert predict_bytes(extractor, BIG, 256, 10) < predict_bytes(extractor, BIG, 1024, 10)
    assert predict_bytes(extractor, BIG, 1024, 10) < predict_bytes(extractor, BIG, None, 10)


def test_bf16_needs_less(build: Callable[..., Encoder]) -> None:
    extractors = [
        FeatureExtractor(build(), ["relu3_3"], dtype=dtype, device=CPU)
        for dtype in (torch.bfloat16, torch.float32)
    ]
    low, high = (predict_bytes(extractor, BIG, None, 20) for extractor in extractors)
    assert low < high


def test_memory_limit_is_what_the_user_allows_or_what_is_free() -> None:
    assert memory_limit(CPU, 123) == 123
    assert 0 < memory_limit(CPU, None) < 2**50


def test_no_plan_and_no_size(extractor: FeatureExtractor) -> None:
    assert largest_side(extractor, BIG, "auto", 2**20) == 0
    with pytest.raises(MemoryLimitError, match="1 MiB allowed: no size fits, so allow a larger"):
        next(plans(extractor, BIG, tile="auto", limit=2**20))


@pytest.mark.skipif(sys.platform != "linux", reason="has no such limits")
def test_memory_limit_heeds_the_limit_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    size = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0])
    free = memory_limit(CPU, None)
    for more, expected in ((-GIB, PROCESS), (GIB, PROCESS + 0.8 * GIB), (PLENTY, free)):
        found = size + more, resource.RLIM_INFINITY
        monkeypatch.setattr(resource, "getrlimit", lambda _, found=found: found)
        assert memory_limit(CPU, None) == pytest.approx(expected, rel=0.1)


def test_readable() -> None:
    assert [readable(n) for n in (3 * 2**20, 2**30, 5 * 2**29)] == ["3 MiB", "1.0 GiB", "2.5 GiB"]


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    groups = tmp_path / "sys/fs/cgroup"
    inner = groups / "outer" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/outer/inner\n")
    assert memory_plan._granted(tmp_path) == 2**63
    for group, limit in ((inner, "max"), (inner.parent, "1000")):
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text("700\n")
        (group / "memory.stat").write_text("anon 600\ninactive_file 50\n")
    assert memory_plan._granted(tmp_path) == 350
    (inner / "memory.max").write_text("720\n")
    assert memory_plan._granted(tmp_path) == 70
    (inner / "memory.max").write_text("what\n")
    assert memory_plan._granted(tmp_path) == 2**63  # unreadable is unknown
    assert memory_plan._granted(tmp_path / "nothing") == 2**63
