"""Groups of jobs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylecli.batch.grouping import group_jobs
from stylecli.job import Job
from stylecli.settings import Compute, Settings


def picture(path: Path, width: int, height: int) -> Path:
    Image.new("RGB", (width, height), "gray").save(path)
    return path


def numbers(jobs: list[Job]) -> list[tuple[int, ...]]:
    return [found.numbers for found in group_jobs(jobs, range(len(jobs)))]


def test_groups_are_of_one_size_and_in_order(jobs: list[Job], tmp_path: Path) -> None:
    wide = replace(jobs[0], content=picture(tmp_path / "wide.png", 64, 32))
    also = replace(jobs[0], content=picture(tmp_path / "also.png", 640, 480))
    own = Settings(size=64)
    assert numbers([jobs[0], wide, jobs[1], wide]) == [(0, 2), (1, 3)]
    assert numbers([replace(each, settings=own) for each in (also, wide, jobs[0])]) == [
        (0, 2),
        (1,),
    ]
    found = group_jobs([jobs[2], wide, jobs[1]], [7, 8, 9])
    assert [each.numbers for each in found] == [(7, 9), (8,)]
    assert found[0].jobs == (jobs[2], jobs[1])


def test_groups_are_small(jobs: list[Job], tmp_path: Path) -> None:
    assert numbers(jobs[:1] * 19) == [tuple(range(8)), tuple(range(8, 16)), (16, 17, 18)]
    large = [replace(jobs[0], content=picture(tmp_path / "large.png", 500, 300))] * 7
    assert numbers(large) == [(0, 1, 2), (3, 4, 5), (6,)]
    huge = [replace(jobs[0], settings=Settings(size=2000))] * 2
    assert numbers(huge) == [(0,), (1,)]


@pytest.mark.parametrize(
    ("changes", "together"),
    [
        ({"settings": Settings(seed=1, alpha=2.0, tv=1.0, init="content")}, True),
        ({"settings": Settings(optimizer="adam")}, False),
        ({"settings": Settings(octaves=1)}, False),
        ({"settings": Settings(iterations=3)}, False),
        ({"settings": Settings(encoder="vgg19")}, False),
        ({"settings": Settings(color="match")}, False),
        ({"compute": Compute(precision="bf16")}, False),
        ({"mask": Path("mask.png")}, False),
        ({"content": Path("missing.png")}, False),
    ],
)
def test_who_can_be_made_together(jobs: list[Job], changes: Any, together: bool) -> None:
    other = replace(jobs[1], **changes)
    assert numbers([jobs[0], other]) == ([(0, 1)] if together else [(0,), (1,)])
    if "mask" in changes or "content" in changes:
        assert numbers([other, other]) == [(0,), (1,)]
