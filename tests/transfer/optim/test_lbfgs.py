import io
from collections.abc import Callable

import pytest
import torch

from stylecli.transfer.optim.lbfgs import FIRST_STEP, LBFGS, LONGEST_STEP, project_gradient
from stylecli.transfer.optim.preconditioner import apply_preconditioner

from ..conftest import random

SHAPE = (1, 3, 9, 8)  # large enough for two levels of the preconditioner
N = 216
Function = Callable[[torch.Tensor], torch.Tensor]


def rms(x: torch.Tensor) -> float:
    return float(x.square().mean().sqrt())


class Dense:
    """Textbook BFGS updates of a whole matrix, from γM, over the last pairs; one picture."""

    def __init__(self, history: int) -> None:
        self.history = history
        self.pairs: list[tuple[torch.Tensor, torch.Tensor] | None] = []
        self.before: tuple[torch.Tensor, torch.Tensor] | None = None
        identity = torch.eye(N, dtype=torch.float64)
        self.preconditioner = apply_preconditioner(identity.view(N, *SHAPE[1:])).flatten(1)
        self.gamma = 1.0

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        x, g = image.flatten(), project_gradient(image, gradient.clone()).flatten()
        if self.before is None:
            direction = -self.preconditioner @ g
            direction *= FIRST_STEP / rms(direction)
        else:
            self._remember(x - self.before[0], g - self.before[1])
            direction = -self._inverse_hessian() @ g
            direction *= min(1.0, LONGEST_STEP / rms(direction))
        self.before = x, g
        return (x + direction).clamp(0, 1).view(SHAPE)

    def _remember(self, s: torch.Tensor, y: torch.Tensor) -> None:
        good = float(s @ y) > 0
        self.pairs = [*self.pairs, (s, y) if good else None][-self.history :]
        if good:
            self.gamma = float(s @ y) / float(y @ self.preconditioner @ y)

    def _inverse_hessian(self) -> torch.Tensor:
        identity = torch.eye(N, dtype=torch.float64)
        h: torch.Tensor = self.gamma * self.preconditioner
        for pair in self.pairs:
            if pair is None:
                continue
            s, y = pair
            rho = 1.0 / float(s @ y)
            left = identity - rho * torch.outer(s, y)
            h = left @ h @ left.T + rho * torch.outer(s, s)
        return h


def quadratic(seed: int = 0, center: float = 0.5) -> Function:
    """The gradient of ½(x − c)ᵀA(x − c), A positive definite with condition 30."""
    basis, _ = torch.linalg.qr(random(N, N, seed=seed) - 0.5)
    matrix: torch.Tensor = (
        basis @ torch.diag(torch.linspace(1, 30, N, dtype=torch.float64)) @ basis.T
    )

    def gradient(image: torch.Tensor) -> torch.Tensor:
        return ((image.flatten(1) - center) @ matrix).view_as(image)

    return gradient


def inside(seed: int = 0) -> torch.Tensor:
    return 0.5 + 0.1 * (random(*SHAPE, seed=seed) - 0.5)


def run(
    optimizer: LBFGS, gradient: Function, image: torch.Tensor, steps: int
) -> list[torch.Tensor]:
    images = [image]
    for _ in range(steps):
        images.append(optimizer.step(images[-1], gradient(images[-1])))
    return images


@pytest.mark.parametrize("history", [1, 3, 8])
def test_equals_dense_bfgs_from_the_metric_over_the_last_pairs(history: int) -> None:
    gradient, image = quadratic(), inside()
    compact, dense, uncapped = LBFGS(apply_preconditioner, history=history), Dense(history), 0
    for iteration in range(3 * history + 4):
        found = compact.step(image, gradient(image))
        expected = dense.step(image, gradient(image))
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
        uncapped += iteration > 0 and rms(found - image) < 0.99 * LONGEST_STEP
        assert 0.0 < float(found.min()) < float(found.max()) < 1.0
        image = expected
    assert uncapped > 2 * history


def test_a_pair_without_curvature_is_left_out() -> None:
    """Gradients of no function at all: a third of the pairs have sᵀy < 0."""
    compact, dense = LBFGS(apply_preconditioner, history=3), Dense(3)
    image, curvatures = inside(), []
    gradient = quadratic()
    for iteration in range(14):
        g = gradient(image) * (-0.3 if iteration % 3 == 2 else 1.0)
        found, expected = (x.step(image, g) for x in (compact, dense))
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
        curvatures.append(dense.pairs[-1] is not None if dense.pairs else True)
        image = 0.5 + 0.5 * (expected - 0.5)
    assert False in curvatures and curvatures.count(True) > 4


def test_a_picture_that_does_not_move_is_survived() -> None:
    optimizer, image = LBFGS(apply_preconditioner, history=3), inside()
    zero = torch.zeros_like(image)
    for _ in range(5):
        assert torch.equal(optimizer.step(image, zero), image)
    gradient = quadratic()(image)
    assert bool(torch.isfinite(optimizer.step(image, gradient)).all())


def test_converges_far_faster_than_steepest_descent() -> None:
    gradient, steepest = quadratic(), inside()
    found = run(LBFGS(lambda g: g), gradient, inside(), 40)[-1]
    for _ in range(40):
        steepest = steepest - gradient(steepest) / 30
    assert rms(found - 0.5) < 1e-3 * rms(steepest - 0.5)


def test_stays_in_the_box_and_comes_near_the_best_point_of_it() -> None:
    """Every pixel has its own bowl, so the best point in the box is the nearest to its center."""
    center = 2.0 * random(*SHAPE) - 0.5
    curvature = 1.0 + 3.0 * random(*SHAPE, seed=1)
    images = run(LBFGS(lambda g: g), lambda x: curvature * (x - center), inside(), 60)
    assert min(float(x.min()) for x in images) >= 0.0
    assert max(float(x.max()) for x in images) <= 1.0
    nearest = center.clamp(0, 1)
    assert rms(images[-1] - nearest) < 0.05 * rms(images[0] - nearest)
    assert bool((images[-1] == 0.0).any()) and bool((images[-1] == 1.0).any())


def test_free_gradient_holds_pixels_pushed_out_of_the_box() -> None:
    image = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.5])
    gradient = torch.tensor([2.0, -2.0, 3.0, -3.0, 4.0, -4.0])
    assert project_gradient(image, gradient.clone()).tolist() == [0.0, -2.0, 3.0, 0.0, 4.0, -4.0]


def test_pixels_pushed_out_of_the_box_count_for_nothing() -> None:
    """Neither in the first step's length nor in any later pair."""
    gradient = quadratic(center=0.97)
    plain, masked = LBFGS(apply_preconditioner, history=3), LBFGS(apply_preconditioner, history=3)
    image, held = random(*SHAPE).round(decimals=1), 0
    for _ in range(8):
        g = gradient(image) - 0.5 * (image == 1.0)
        held += int((project_gradient(image, g.clone()) != g).sum())
        found = plain.step(image, g)
        assert torch.equal(found, masked.step(image, project_gradient(image, g.clone())))
        image = found
    assert held > 20


@pytest.mark.parametrize("step_scale", [1.0, 0.25])
def test_lengths_of_steps(step_scale: float) -> None:
    gradient = quadratic()
    optimizer = LBFGS(apply_preconditioner, step_scale=step_scale)
    images = run(optimizer, gradient, torch.full(SHAPE, 0.4, dtype=torch.float64), 12)
    lengths = [rms(b - a) for a, b in zip(images, images[1:], strict=False)]
    assert lengths[0] == pytest.approx(FIRST_STEP * step_scale)
    assert max(lengths[1:]) <= LONGEST_STEP * step_scale * (1 + 1e-12)


@pytest.mark.parametrize("steps", [0, 1, 3, 9])
def test_state_continues_bit_for_bit(steps: int) -> None:
    """Through a file, from before the history is full to after it went round."""
    gradient, optimizer = quadratic(), LBFGS(apply_preconditioner, history=4, step_scale=0.5)
    optimizer.start(inside())
    image = run(optimizer, gradient, inside(), steps)[-1]
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    again = LBFGS(apply_preconditioner, history=4)
    again.load_state_dict(torch.load(file, weights_only=True))
    expected = run(optimizer, gradient, image, 7)
    found = run(again, gradient, image, 7)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_reset_forgets_everything() -> None:
    gradient, optimizer = quadratic(), LBFGS(apply_preconditioner, history=3)
    image = run(optimizer, gradient, inside(), 5)[-1]
    optimizer.restart(torch.tensor([True]))
    found = run(optimizer, gradient, image, 5)
    expected = run(LBFGS(apply_preconditioner, history=3, step_scale=0.5), gradient, image, 5)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_two_pictures_at_once_are_two_alone() -> None:
    """One of them meets a pair without curvature on the way, the other none."""
    gradients = quadratic(seed=1), quadratic(seed=2)
    together = LBFGS(apply_preconditioner, history=3)
    alone = LBFGS(apply_preconditioner, history=3), LBFGS(apply_preconditioner, history=3)
    image = torch.cat([inside(1), inside(2)])
    for iteration in range(10):
        g = torch.cat([f(image[b : b + 1]) for b, f in enumerate(gradients)])
        if iteration == 4:
            g[0] *= -0.5
        found = together.step(image, g)
        expected = [one.step(image[b : b + 1], g[b : b + 1]) for b, one in enumerate(alone)]
        torch.testing.assert_close(found, torch.cat(expected), rtol=1e-9, atol=1e-12)
        image = found


@pytest.mark.parametrize("exponent", [-40, -20, 20, 40])
def test_the_objectives_unit_does_not_matter(exponent: int) -> None:
    """A power of two on the objective changes no digit of any step."""
    gradient = quadratic()
    expected = run(LBFGS(apply_preconditioner, history=4), gradient, inside(), 10)
    found = run(
        LBFGS(apply_preconditioner, history=4), lambda x: gradient(x) * 2.0**exponent, inside(), 10
    )
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
