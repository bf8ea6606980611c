"""One sentence after a run, or none."""

from collections.abc import Sequence

import pytest
import torch

from stylecli.pipeline.hints import Hints
from stylecli.settings import Settings
from stylecli.transfer import stylize
from stylecli.transfer.results import Losses, Progress

FALLING = [0.1 * 0.97**i for i in range(40)]  # by a quarter from one tenth to the next
FLAT = [0.02] * 40


def heard(
    styles: Sequence[float],
    contents: Sequence[float] = (0.4,),
    scale: int = 1,
    hints: Hints | None = None,
) -> Hints:
    hints = hints or Hints()
    for index, style in enumerate(styles):
        losses = Losses(1.0, contents[min(index, len(contents) - 1)], style)
        hints(Progress(scale, 2, 64, 48, index + 1, len(styles), 0.5, losses, torch.zeros))
    return hints


GATYS = Settings(losses="gatys")


def after(
    hints: Hints, output: int = 64, style: int = 64, settings: Settings | None = None
) -> str | None:
    return hints.after(output, style, settings or Settings())


def test_silence_where_all_is_well() -> None:
    assert after(heard(FLAT)) is None
    assert after(Hints()) is None


@pytest.mark.parametrize(("output", "times"), [(256, "4"), (500, "8"), (6400, "100")])
def test_a_style_that_is_too_small(output: int, times: str) -> None:
    expected = f"the style picture is {times} times smaller than the output: its strokes will look"
    for settings in (Settings(), GATYS):
        said = after(heard(FLAT), output, settings=settings)
        assert said is not None and said.startswith(expected) and said.endswith("--size.")
    assert after(heard(FLAT), 255) is None


def test_the_content_is_lost() -> None:
    said = "little of the content is left: try a smaller --strength."
    assert after(heard(FLAT, [0.1, 0.86])) == said
    assert after(heard(FLAT, [0.86, 0.85])) is None


def test_the_style_has_not_arrived() -> None:
    said = "little of the style has arrived: try a larger --strength or more --iterations."
    assert after(heard([0.16])) == said
    assert after(heard([0.16, 0.15])) is None
    assert after(heard([0.16], [0.9])) == "little of the content is left: try a smaller --strength."


def test_the_style_loss_is_still_falling() -> None:
    assert after(heard(FALLING)) == "the style loss is still falling: try --iterations 80."
    slowly = [0.1 * 0.99**i for i in range(40)]  # by 4 % only from one tenth to the next
    assert after(heard(slowly)) is None
    assert after(heard(FALLING[:19])) is None  # too few to tell
    assert after(heard(FALLING[:20])) == "the style loss is still falling: try --iterations 40."


def test_only_the_last_scale_counts() -> None:
    hints = heard([0.02] * 60, scale=2, hints=heard(FALLING, [0.9]))
    assert after(hints) is None
    assert (hints.iterations, len(hints.styles)) == (100, 60)
    hints = heard(FALLING, scale=2, hints=heard(FLAT))
    assert after(hints) == "the style loss is still falling: try --iterations 160."


@pytest.mark.parametrize("hints", [heard(FALLING), heard([0.16]), heard(FLAT, [0.9])])
def test_losses_of_another_kind_say_nothing(hints: Hints) -> None:
    assert after(hints) is not None
    assert after(hints, settings=GATYS) is None


@pytest.mark.parametrize(
    ("settings", "hints", "words"),
    [
        (Settings(strength=0.0), heard([0.16]), None),
        (Settings(strength=0.0), heard(FALLING), None),
        (Settings(strength=0.1), heard([0.16]), "a larger --strength"),
        (Settings(alpha=1.0, beta=0.0), heard([0.16]), None),
        (Settings(alpha=1.0), heard([0.16]), "a larger --beta"),
        (Settings(strength=1.0), heard(FLAT, [0.9]), None),
        (Settings(strength=1.0), heard([0.16], [0.9]), "has arrived: try more --iterations."),
        (Settings(beta=9.0), heard(FLAT, [0.9]), "a smaller --beta"),
    ],
)
def test_only_what_was_wanted_is_missed(
    settings: Settings, hints: Hints, words: str | None
) -> None:
    said = after(hints, settings=settings)
    assert said is None if words is None else words in str(said)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(strength=0.0, init="content", iterations=1), None),
        (Settings(strength=1.0, iterations=10), "arrived: try more --iterations"),
        (Settings(strength=0.99, iterations=10), "little of the content"),
        (Settings(strength=0.0, init="content", losses="gatys", iterations=1), None),
    ],
)
def test_real_runs(
    content: torch.Tensor, style: torch.Tensor, settings: Settings, words: str | None
) -> None:
    hints = Hints()
    stylize(content, style, settings=settings, on_progress=hints)
    said = after(hints, settings=settings)
    assert said is None if words is None else words in str(said)
