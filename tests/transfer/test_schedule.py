import itertools

import pytest

from stylecli.settings import Quality, Settings
from stylecli.transfer.resample import Size
from stylecli.transfer.schedule import (
    AFTER_WARM_START,
    COARSEST,
    ITERATIONS,
    LEAST_SCALES,
    OVERHEAD,
    WARM_START,
    Scale,
    make_schedule,
    output_size,
)

QUALITIES: tuple[Quality, ...] = ("draft", "normal", "high")


def sizes(size: Size) -> list[Size]:
    return [scale.size for scale in make_schedule(size, Settings())]


def test_each_scale_is_twice_the_one_before() -> None:
    assert sizes((512, 512)) == [(128, 128), (256, 256), (512, 512)]
    assert sizes((768, 1024)) == [(96, 128), (192, 256), (384, 512), (768, 1024)]
    assert sizes((333, 500)) == [(83, 125), (166, 250), (333, 500)]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (16, 16), (90, 100), (181, 181), (1, 4000), (4000, 1), (32768, 7)]
)
def test_any_size_ends_in_itself_and_starts_small(size: Size) -> None:
    found = sizes(size)
    assert found[-1] == size
    assert min(min(one) for one in found) >= 1
    assert max(found[0]) <= COARSEST * 2**0.5 + 1
    assert len(found) == 1 or max(found[0]) >= COARSEST / 2**0.5 - 1
    longest = [max(one) for one in found]
    for fine, coarse in zip(longest[1:], longest, strict=False):
        assert abs(fine - 2 * coarse) <= 1


@pytest.mark.parametrize("quality", QUALITIES)
def test_iterations_of_the_presets(quality: Quality) -> None:
    settings, base = Settings(quality=quality, warm_start="none"), ITERATIONS[quality]
    for long_side, count in ((512, 3), (1024, 4), (4096, 6)):
        found = [scale.iterations for scale in make_schedule((64, long_side), settings)]
        assert found == [*base, base[-1], base[-1]][:count]


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(("long_side", "count"), [(100, 1), (256, 2)])
def test_small_pictures_get_as_many_iterations_as_larger_ones(
    quality: Quality, long_side: int, count: int
) -> None:
    first, second, third, _ = ITERATIONS[quality]
    found = make_schedule((64, long_side), Settings(quality=quality, warm_start="none"))
    expected = [first + second + third] if count == 1 else [first, second + third]
    assert [scale.iterations for scale in found] == expected


@pytest.mark.parametrize("long_side", [100, 256, 512, 2048])
def test_a_warm_start_is_all_scales_and_then_the_full_size_again(long_side: int) -> None:
    size = (64, long_side)
    normal = make_schedule(size, Settings())
    *first, last = make_schedule(size, Settings(quality="high"))
    assert [one.size for one in first] == [one.size for one in normal]
    counts = [*WARM_START, *WARM_START[-1:] * 9][: len(first)]
    counts[-1] += sum(WARM_START[len(first) : LEAST_SCALES])
    assert [one.iterations for one in first] == counts
    assert all(one.is_warm_start for one in first)
    assert last == Scale(size, AFTER_WARM_START)


def test_without_a_warm_start_no_scale_is_marked() -> None:
    for settings in (
        Settings(),
        Settings(encoder="vgg19"),
        Settings(quality="high", encoder="compact"),
        Settings(quality="high", warm_start="none"),
    ):
        assert not any(one.is_warm_start for one in make_schedule((512, 512), settings))


def test_better_quality_is_more_work() -> None:
    work = [
        sum(scale.work for scale in make_schedule((600, 800), Settings(quality=quality)))
        for quality in QUALITIES
    ]
    assert work == sorted(set(work))


@pytest.mark.parametrize(
    ("quality", "size"), list(itertools.product(QUALITIES, (64, 512, 4096, 32768)))
)
def test_iterations_asked_for_are_all_spent(quality: Quality, size: int) -> None:
    scales = len(make_schedule((size, size), Settings(quality=quality)))
    for total in (*range(1, 120), 1000, 99_999):
        found = make_schedule((size, size), Settings(quality=quality, iterations=total))
        counts = [scale.iterations for scale in found]
        assert sum(counts) == total
        assert min(counts) >= 1
        assert len(counts) == min(total, scales)  # with too few the finest scales go first
        assert found[-1].size == (size, size)


def test_iterations_asked_for_keep_the_presets_proportions() -> None:
    presets = [scale.iterations for scale in make_schedule((512, 512), Settings())]
    found = make_schedule((512, 512), Settings(iterations=10 * sum(presets)))
    assert [scale.iterations for scale in found] == [10 * count for count in presets]


def test_work_is_pixels_and_overhead_times_iterations() -> None:
    assert Scale((3, 5), 7).work == (15 + OVERHEAD) * 7


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        ((480, 640), None, (480, 640)),
        ((480, 640), 320, (240, 320)),
        ((480, 640), 1280, (960, 1280)),
        ((640, 480), 1, (1, 1)),
    ],
)
def test_output_size(content: Size, size: int | None, expected: Size) -> None:
    assert output_size(content, Settings(size=size)) == expected
