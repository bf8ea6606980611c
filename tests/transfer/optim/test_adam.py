import io
from collections.abc import Callable

import pytest
import torch

from stylecli.transfer.optim.adam import BETA1, BETA2, DEFAULT_RATE, Adam
from stylecli.transfer.optim.preconditioner import analyze, level_sizes, synthesize

from ..conftest import random

SIZE = (17, 20)  # three levels
Function = Callable[[torch.Tensor], torch.Tensor]


def bowl(center: float = 0.5) -> Function:
    curvature = 1.0 + 9.0 * random(1, 3, *SIZE, seed=8)
    return lambda image: curvature * (image - center)


def run(optimizer: Adam, gradient: Function, image: torch.Tensor, steps: int) -> list[torch.Tensor]:
    images = [image]
    for _ in range(steps):
        images.append(optimizer.step(images[-1], gradient(images[-1])))
    return images


def naive(gradient: Function, image: torch.Tensor, steps: int, rate: float) -> torch.Tensor:
    """Algorithm 1 of Kingma & Ba, on the levels of the pyramid."""
    sizes = level_sizes(SIZE)
    means = [0.0 * g for g in analyze(image, sizes)]
    squares = [0.0 * g for g in means]
    for t in range(1, steps + 1):
        moves = []
        for level, g in enumerate(analyze(gradient(image), sizes)):
            means[level] = BETA1 * means[level] + (1 - BETA1) * g
            squares[level] = BETA2 * squares[level] + (1 - BETA2) * g * g
            mean, square = means[level] / (1 - BETA1**t), squares[level] / (1 - BETA2**t)
            moves.append(-rate * mean / (square.sqrt() + 1e-12))
        image = (image + synthesize(moves)).clamp(0, 1)
    return image


@pytest.mark.parametrize("rate", [0.01, DEFAULT_RATE, 0.5])
def test_equals_naive_adam_on_the_levels(rate: float) -> None:
    start = random(1, 3, *SIZE)
    found = run(Adam(rate), bowl(), start, 8)[-1]
    torch.testing.assert_close(found, naive(bowl(), start, 8, rate), rtol=1e-10, atol=1e-12)


def test_a_restart_halves_the_rate() -> None:
    start = random(1, 3, *SIZE)
    optimizer = Adam(0.2)
    optimizer.start(start)
    optimizer.restart(torch.tensor([True]))
    optimizer.restart(torch.tensor([True]))
    found = run(optimizer, bowl(), start, 5)[-1]
    torch.testing.assert_close(found, run(Adam(0.05), bowl(), start, 5)[-1])


def test_goes_down() -> None:
    start = 0.2 + 0.6 * random(1, 3, *SIZE)
    found = run(Adam(), bowl(), start, 80)[-1]
    assert float((found - 0.5).norm()) < 0.2 * float((start - 0.5).norm())


@pytest.mark.parametrize("center", [-1.0, 2.0])
def test_stays_in_the_box(center: float) -> None:
    images = run(Adam(0.3), bowl(center), random(1, 3, *SIZE), 12)
    assert min(float(x.min()) for x in images) >= 0.0
    assert max(float(x.max()) for x in images) <= 1.0
    assert float((images[-1] - center).abs().max()) == pytest.approx(1.0)  # at the near end


@pytest.mark.parametrize("steps", [0, 1, 6])
def test_state_continues_bit_for_bit(steps: int) -> None:
    optimizer = Adam()
    image = run(optimizer, bowl(), random(1, 3, *SIZE), steps)[-1]
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    again = Adam()
    again.load_state_dict(torch.load(file, weights_only=True))
    found, expected = run(again, bowl(), image, 5), run(optimizer, bowl(), image, 5)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_saved_state_stays_what_it_was() -> None:
    optimizer = Adam()
    image = run(optimizer, bowl(), random(1, 3, *SIZE), 3)[-1]
    saved = optimizer.state_dict()
    expected = run(optimizer, bowl(), image, 4)
    again = Adam()
    again.load_state_dict(saved)
    found = run(again, bowl(), image, 4)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_reset_forgets_everything() -> None:
    optimizer = Adam()
    image = run(optimizer, bowl(), random(1, 3, *SIZE), 4)[-1]
    optimizer.restart(torch.tensor([True]))
    half = Adam(DEFAULT_RATE / 2)
    torch.testing.assert_close(
        run(optimizer, bowl(), image, 3)[-1], run(half, bowl(), image, 3)[-1]
    )


def test_two_pictures_at_once_are_two_alone() -> None:
    gradient = bowl()
    start = random(2, 3, *SIZE)
    together = run(Adam(), gradient, start, 5)[-1]
    alone = torch.cat([run(Adam(), gradient, start[b : b + 1], 5)[-1] for b in (0, 1)])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-14)


def test_no_gradient_no_step() -> None:
    image = random(1, 3, *SIZE)
    assert torch.equal(Adam().step(image, torch.zeros_like(image)), image)
