import math
from dataclasses import dataclass, field

import pytest
import torch

from stylecli.transfer.lbfgs import LBFGS
from stylecli.transfer.loop import GRACE, RISE, optimize
from stylecli.transfer.objective import Terms

NAN = math.nan
FLAT = [1.0] * (GRACE + 2)  # a start long enough for a rise to count


def picture(value: float) -> torch.Tensor:
    return torch.full((1, 3, 1, 1), value)


@dataclass
class Counting:
    """An optimiser whose images are numbered: 1, 2, 3 … after the first, 0."""

    step_scale: float = 1.0
    made: int = 0
    steps: list[tuple[float, float]] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        self.steps.append((float(image.mean()), float(gradient.mean())))
        self.made += 1
        return picture(float(self.made))

    def reset(self) -> None:
        self.resets.append(self.made)


class Script:
    """An objective that answers with the given losses, whatever it is shown."""

    def __init__(self, *losses: float, bad_gradients: tuple[int, ...] = ()) -> None:
        self.losses, self.bad_gradients = losses, bad_gradients
        self.seen: list[float] = []

    def __call__(self, image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        index = len(self.seen)
        self.seen.append(float(image.mean()))
        value = torch.tensor([self.losses[index]])
        gradient = picture(NAN if index in self.bad_gradients else 10.0 * index)
        return Terms(value, value, value, value), gradient


def test_the_best_image_is_returned_with_its_terms() -> None:
    script = Script(5.0, 3.0, 4.0, 2.0, 2.5, 3.9)
    best = optimize(picture(0.0), script, Counting(), 6)
    assert (float(best.image.mean()), float(best.terms.total)) == (3.0, 2.0)
    assert float(best.gradient.mean()) == 30.0
    assert best.recoveries == 0
    assert script.seen == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_the_last_image_is_evaluated_and_never_stepped_from(iterations: int) -> None:
    script, optimizer = Script(*range(10, 0, -1)), Counting()
    best = optimize(picture(0.0), script, optimizer, iterations)
    assert len(script.seen) == iterations
    assert len(optimizer.steps) == iterations - 1
    assert float(best.image.mean()) == iterations - 1  # the last was the best


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_brings_the_best_image_back(bad: float) -> None:
    script, optimizer = Script(5.0, 3.0, 4.0, bad, 2.0), Counting()
    best = optimize(picture(0.0), script, optimizer, 5)
    assert optimizer.steps == [(0.0, 0.0), (1.0, 10.0), (2.0, 20.0), (1.0, 10.0)]
    assert optimizer.resets == [3]
    assert optimizer.step_scale == 0.5
    assert best.recoveries == 1
    assert float(best.terms.total) == 2.0


def test_a_gradient_that_is_not_finite_does_too_however_good_the_loss() -> None:
    script, optimizer = Script(5.0, 1.0, 4.0, bad_gradients=(1,)), Counting()
    best = optimize(picture(0.0), script, optimizer, 3)
    assert optimizer.steps == [(0.0, 0.0), (0.0, 0.0)]
    assert float(best.terms.total) == 4.0
    assert best.recoveries == 1


def test_an_explosion_is_a_divergence() -> None:
    losses = [*FLAT, 0.5, 0.5 * RISE + 0.1, 0.4]
    script, optimizer = Script(*losses), Counting()
    best = optimize(picture(0.0), script, optimizer, len(losses))
    good = float(len(FLAT))
    assert optimizer.steps[-1][0] == good
    assert optimizer.step_scale == 0.5
    assert best.recoveries == 1
    assert float(best.terms.total) == pytest.approx(0.4)


def test_a_detour_is_none() -> None:
    losses = [*FLAT, 0.5, 0.5 * RISE - 0.1, 0.5 * RISE - 0.1, 0.4]
    optimizer = Counting()
    best = optimize(picture(0.0), Script(*losses), optimizer, len(losses))
    assert (best.recoveries, optimizer.resets, optimizer.step_scale) == (0, [], 1.0)


def test_a_start_may_rise_for_a_few_iterations() -> None:
    losses = [1.0] + [100.0] * GRACE
    optimizer = Counting()
    optimize(picture(0.0), Script(*losses), optimizer, len(losses))
    assert optimizer.resets == []
    optimize(picture(0.0), Script(*losses, 100.0), optimizer, len(losses) + 1)
    assert len(optimizer.resets) == 1


def test_after_a_recovery_the_grace_begins_again() -> None:
    losses = [1.0, NAN] + [100.0] * GRACE + [100.0, 1.0]
    optimizer = Counting()
    best = optimize(picture(0.0), Script(*losses), optimizer, len(losses))
    assert best.recoveries == 2
    assert optimizer.step_scale == 0.25


def test_recoveries_survive_a_new_best() -> None:
    best = optimize(picture(0.0), Script(3.0, NAN, 2.0, NAN, 1.0), Counting(), 5)
    assert (best.recoveries, float(best.terms.total)) == (2, 1.0)


def test_every_iteration_is_reported_with_its_own_terms() -> None:
    reports = []
    optimize(
        picture(0.0),
        Script(5.0, 3.0, 4.0),
        Counting(),
        3,
        lambda i, terms, image: reports.append((i, float(terms.total), image.shape)),
    )
    assert reports == [(i, loss, (1, 3, 1, 1)) for i, loss in ((1, 5.0), (2, 3.0), (3, 4.0))]


@pytest.mark.parametrize("failures", [(3,), (1, 2, 3), (4, 9, 14)])
def test_a_real_optimiser_arrives_in_spite_of_failures(failures: tuple[int, ...]) -> None:
    calls = 0

    def evaluate(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        nonlocal calls
        calls += 1
        value = (image - 0.3).square().sum((1, 2, 3)) * (NAN if calls - 1 in failures else 1.0)
        return Terms(value, value, value, value), 2 * (image - 0.3)

    start = torch.full((1, 3, 4, 4), 0.8)
    best = optimize(start, evaluate, LBFGS(lambda g: g), 60)
    assert best.recoveries == len(failures)
    assert float((best.image - 0.3).abs().max()) < 1e-2
