"""A student's training by its teacher."""

from dataclasses import replace

import pytest
import torch

from stylecli.errors import StylecliError
from training.crops import CropSampler
from training.distillation import RelativeError, Trainer, layer_weights, rate_factor
from training.network import Network, Student
from training.settings import CropSettings, OptimizerSettings

from .conftest import HALF, OPTIMIZER, images, plain_pictures

pytestmark = pytest.mark.usefixtures("one_thread")


def test_relative_error_is_the_formula(teacher: Network) -> None:
    student, batch = Student(teacher, HALF), images()
    targets = teacher(batch)
    error = RelativeError(teacher, [batch], precision="fp32")
    for index, value in enumerate(error.compute(student, batch)):
        matrix = student.embedding(index)
        features = student.network(batch)[index]
        predicted = torch.einsum("tc,bchw->bthw", matrix[:, :-1], features)
        difference = predicted + matrix[:, -1, None, None] - targets[index]
        variance = targets[index].transpose(0, 1).flatten(1).var(1, correction=0).mean()
        torch.testing.assert_close(value, difference.square().mean() / variance)


def test_bf16_is_near_float32_and_keeps_the_gradient(teacher: Network) -> None:
    student, batch = Student(teacher, HALF), images()
    exact = RelativeError(teacher, [batch], precision="fp32").compute(student, batch)
    rough = RelativeError(teacher, [batch], precision="bf16").compute(student, batch)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0)
    assert not torch.equal(rough, exact)
    rough.sum().backward()  # type: ignore[no-untyped-call]
    gradient = student.network.convolution(0)[0].grad
    assert gradient is not None and float(gradient.norm()) > 0


def test_learning_rate_warms_up_and_falls_to_its_last_share() -> None:
    settings = replace(OPTIMIZER, steps=1000, warmup=50, final_rate=0.02)
    assert rate_factor(0, settings) == pytest.approx(1 / 50)
    assert rate_factor(500, settings) == pytest.approx(0.02 + 0.98 / 2)
    assert rate_factor(1000, settings) == pytest.approx(0.02)


def test_layers_of_the_style_loss_weigh_more() -> None:
    weights = layer_weights(("relu4_1", "relu4_3", "relu5_1"), OPTIMIZER)
    torch.testing.assert_close(weights, torch.tensor([2.0, 0.5, 2.0]) / 4.5)


def make_trainer(teacher: Network, settings: OptimizerSettings, first: int = 0) -> Trainer:
    torch.manual_seed(0)
    error = RelativeError(teacher, [images()], precision="fp32")
    sampler = CropSampler(plain_pictures(), 32, seed="0/test", settings=CropSettings())
    return Trainer(Student(teacher, HALF), error, sampler, settings, first=first)


def test_averaged_weights_are_a_moving_average(teacher: Network) -> None:
    trainer = make_trainer(teacher, replace(OPTIMIZER, ema_decay=0.5))
    weight = trainer.student.network.convolution(0)[0]
    expected = weight.clone()
    for step in range(1, 4):
        trainer.train(step, lambda: None)
        decay = min(0.5, step / (step + 10))
        expected = decay * expected + (1 - decay) * weight
    last = weight.clone()
    with trainer.averaged():
        torch.testing.assert_close(weight, expected)
    assert torch.equal(weight, last) and not torch.allclose(last, expected, atol=1e-6)


def test_layers_that_are_kept_do_not_change(teacher: Network) -> None:
    trainer = make_trainer(teacher, OPTIMIZER, first=9)
    before = {name: value.clone() for name, value in trainer.student.state_dict().items()}
    trainer.train(2, lambda: None)
    changed = {
        int(name.split(".")[-2])
        for name, value in trainer.student.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == {9, 10, 11, 12}


def test_a_training_that_diverges_says_so(teacher: Network) -> None:
    trainer = make_trainer(teacher, replace(OPTIMIZER, learning_rate=1e30, warmup=1))
    trainer.train(3, lambda: None)
    with pytest.raises(StylecliError, match="diverged by step 3: use a lower learning rate"):
        trainer.validate()
