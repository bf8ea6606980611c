import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from stylecli.transfer.optim.adam import Adam
from stylecli.transfer.optim.lbfgs import LBFGS
from stylecli.transfer.optim.loop import (
    GRACE,
    RISE,
    Descent,
    Evaluate,
    MaskedOptimizer,
    Optimizer,
    Terms,
)
from stylecli.transfer.optim.preconditioner import apply_preconditioner

NAN = math.nan
FLAT = [1.0] * (GRACE + 2)  # a start long enough for a rise to count


def picture(value: float) -> torch.Tensor:
    return torch.full((1, 3, 1, 1), value)


@dataclass
class Counting:
    """An optimizer whose images are numbered: 1, 2, 3 … after the first, 0."""

    step_scale: float = 1.0
    made: int = 0
    steps: list[tuple[float, float]] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)

    def start(self, image: torch.Tensor) -> None:
        pass

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        self.steps.append((float(image.mean()), float(gradient.mean())))
        self.made += 1
        return picture(float(self.made))

    def restart(self, which: torch.Tensor) -> None:
        if bool(which.any()):
            self.resets.append(self.made)
            self.step_scale *= 0.5

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        pass


@dataclass
class Best:
    image: torch.Tensor
    total: float
    recoveries: int


def optimize(
    image: torch.Tensor,
    evaluate: Evaluate,
    optimizer: Optimizer,
    iterations: int,
    on_iteration: Callable[[int, float], None] | None = None,
) -> Best:
    """A whole descent."""
    descent = Descent(image, evaluate, optimizer)
    for iteration in range(1, iterations + 1):
        descent.iterate(step=iteration < iterations)
        if on_iteration is not None:
            on_iteration(iteration, float(descent.terms[0]))
    return Best(
        descent.best_image,
        float(descent.best[0]),
        int(descent.recoveries),
    )


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
    assert (float(best.image.mean()), best.total) == (3.0, 2.0)
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
    assert script.seen == [0.0, 1.0, 2.0, 3.0, 1.0]
    assert optimizer.steps[-1] == (3.0, 0.0)  # whatever it makes of that is not used
    assert optimizer.resets == [4]
    assert optimizer.step_scale == 0.5
    assert best.recoveries == 1
    assert best.total == 2.0


def test_a_gradient_that_is_not_finite_does_too_however_good_the_loss() -> None:
    script, optimizer = Script(5.0, 1.0, 4.0, bad_gradients=(1,)), Counting()
    best = optimize(picture(0.0), script, optimizer, 3)
    assert script.seen == [0.0, 1.0, 0.0]
    assert best.total == 4.0
    assert best.recoveries == 1


def test_an_explosion_is_a_divergence() -> None:
    losses = [*FLAT, 0.5, 0.5 * RISE + 0.1, 0.4]
    script, optimizer = Script(*losses), Counting()
    best = optimize(picture(0.0), script, optimizer, len(losses))
    assert script.seen[-1] == float(len(FLAT))
    assert optimizer.step_scale == 0.5
    assert best.recoveries == 1
    assert best.total == pytest.approx(0.4)


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
    optimize(picture(0.0), Script(*losses, 100.0, 1.0), optimizer, len(losses) + 2)
    assert len(optimizer.resets) == 1


def test_after_a_recovery_the_grace_begins_again() -> None:
    losses = [1.0, NAN, 1.0] + [100.0] * GRACE + [100.0, 1.0]
    optimizer = Counting()
    best = optimize(picture(0.0), Script(*losses), optimizer, len(losses))
    assert best.recoveries == 2
    assert optimizer.step_scale == 0.25


def test_recoveries_survive_a_new_best() -> None:
    best = optimize(picture(0.0), Script(3.0, NAN, 2.0, NAN, 1.0), Counting(), 5)
    assert (best.recoveries, best.total) == (2, 1.0)


def test_every_iteration_is_reported_with_its_own_terms() -> None:
    reports = []
    optimize(
        picture(0.0),
        Script(5.0, 3.0, 4.0),
        Counting(),
        3,
        lambda i, total: reports.append((i, total)),
    )
    assert reports == [(1, 5.0), (2, 3.0), (3, 4.0)]


@pytest.mark.parametrize("failures", [(3,), (1, 2, 3), (4, 9, 14)])
def test_a_real_optimizer_arrives_in_spite_of_failures(failures: tuple[int, ...]) -> None:
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


def bowl(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
    value = (image - 0.3).square().sum((1, 2, 3))
    return Terms(value, value, value, value), 2 * (image - 0.3)


@pytest.mark.parametrize("make", [lambda: LBFGS(lambda g: g, history=4), Adam])
@pytest.mark.parametrize("done", [1, 2, 7])
def test_a_saved_descent_goes_on_bit_for_bit(make: Any, done: int) -> None:
    """Through a file, with a recovery before and one after."""
    calls = 0

    def evaluate(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
        nonlocal calls
        calls += 1
        terms, gradient = bowl(image)
        return Terms(*(t * (NAN if calls in (2, 9) else 1.0) for t in terms)), gradient

    start = torch.rand((2, 3, 9, 8), generator=torch.Generator().manual_seed(1))
    descent = Descent(start, evaluate, make())
    for _ in range(done):
        descent.iterate()
    file = io.BytesIO()
    torch.save(descent.state_dict(), file)
    file.seek(0)
    before = calls
    for _ in range(6):
        descent.iterate()
    calls = before
    again = Descent(torch.zeros_like(start), evaluate, make())
    again.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(6):
        again.iterate()
    assert torch.equal(again.image, descent.image)
    assert torch.equal(again.best_image, descent.best_image)
    assert torch.equal(again.terms, descent.terms)
    assert again.recoveries.tolist() == descent.recoveries.tolist()


@pytest.mark.parametrize("make", [lambda: LBFGS(lambda g: g, history=3), Adam])
def test_pictures_of_a_batch_do_not_meet(make: Any) -> None:
    """One of them diverges on the way; the other does not notice."""
    start = torch.rand((2, 3, 9, 8), generator=torch.Generator().manual_seed(1))
    start = start.double()

    def flawed(bad: tuple[int, ...], which: int) -> Evaluate:
        calls = 0

        def evaluate(image: torch.Tensor) -> tuple[Terms, torch.Tensor]:
            nonlocal calls
            calls += 1
            terms, gradient = bowl(image)
            if calls in bad:
                terms.total[which] = NAN
            return terms, gradient

        return evaluate

    together = Descent(start, flawed((4, 6), 1), make())
    alone = [Descent(start[b : b + 1], flawed((4, 6) if b else (), 0), make()) for b in (0, 1)]
    for _ in range(12):
        for descent in (together, *alone):
            descent.iterate()
    assert together.recoveries.tolist() == [0, 2]
    for b, one in enumerate(alone):
        torch.testing.assert_close(together.image[b : b + 1], one.image, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(together.best[:, b : b + 1], one.best, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("make", [lambda: LBFGS(apply_preconditioner), Adam])
def test_pinned_pixels_stay(make: Any) -> None:
    start = torch.rand((1, 3, 9, 8), generator=torch.Generator().manual_seed(1))
    pinned = torch.zeros(1, 1, 9, 8, dtype=torch.bool)
    pinned[..., :4] = True
    descent = Descent(start, bowl, MaskedOptimizer(make(), pinned))
    for _ in range(20):
        descent.iterate()
    moved = (descent.image != start).any(1, keepdim=True)
    assert torch.equal(moved, ~pinned)
