"""Distillation: the linear embedding loss of Wang et al. 2020 (arXiv 2003.08436) and Adam."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from stylecli.errors import StylecliError
from training.crops import CropSampler
from training.network import Network, Student
from training.settings import OptimizerSettings, Precision


class RelativeError:
    """Linear embedding loss of each layer, relative: E‖R F_s + b − F_t‖² / Var(F_t).

    F_s and F_t are the student's and the teacher's features, R and b the student's linear
    embedding. 0 is equality, 1 as far as the teacher's mean is. Var is that of the validation
    images, (B, 3, H, W) in [0, 1], around each channel's mean.
    """

    def __init__(
        self, teacher: Network, validation: Sequence[torch.Tensor], *, precision: Precision
    ) -> None:
        self.teacher = teacher
        self.validation = validation
        self.precision = precision
        variances = [torch.stack(self._variances(images)) for images in validation]
        self.variances = torch.stack(variances).mean(0)  # (layers,)

    def compute(self, student: Student, images: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Errors of the layers from `first` on, (layers,), with a gradient to the student."""
        targets = self._targets(images)[first:]
        with self.autocast(images):
            predictions = student(images, first)
        errors = [
            (prediction.float() - target).square().mean()
            for prediction, target in zip(predictions, targets, strict=True)
        ]
        return torch.stack(errors) / self.variances[first:]

    @torch.no_grad()
    def validate(self, student: Student) -> dict[str, float]:
        """Share of the teacher's variance that is left, by layer, over the validation images."""
        errors = torch.stack([self.compute(student, images) for images in self.validation])
        return dict(zip(self.teacher.plan.relus, errors.mean(0).tolist(), strict=True))

    def autocast(self, images: torch.Tensor) -> torch.autocast:
        """Products in bfloat16 where the precision says so."""
        return torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    @torch.no_grad()
    def _targets(self, images: torch.Tensor) -> list[torch.Tensor]:
        with self.autocast(images):
            return [features.float() for features in self.teacher(images)]

    def _variances(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [
            (features - features.mean((0, 2, 3), keepdim=True)).square().mean()
            for features in self._targets(images)
        ]


def rate_factor(step: int, settings: OptimizerSettings) -> float:
    """Learning rate of a step as a factor: linear warm-up, then half a cosine."""
    warmup = min(1.0, (step + 1) / settings.warmup)
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / settings.steps))
    return warmup * (settings.final_rate + (1.0 - settings.final_rate) * cosine)


def layer_weights(names: Sequence[str], settings: OptimizerSettings) -> torch.Tensor:
    """Weights of the layers' errors in the loss, (layers,), with sum 1."""
    named = dict(settings.layers)
    weights = torch.tensor([named.get(name, settings.other_layers) for name in names])
    return weights / weights.sum()


class Trainer:
    """Adam on the layers of a student from `first` on; the layers before stay as they are.

    Keeps an exponential moving average (EMA) of the weights: `averaged` swaps it in. All that
    a step depends on is in `state_dict`, so a resumed training gives the same weights.
    """

    def __init__(
        self,
        student: Student,
        error: RelativeError,
        sampler: CropSampler,
        settings: OptimizerSettings,
        *,
        first: int = 0,
    ) -> None:
        self.student = student.to(memory_format=torch.channels_last)
        self.error = error
        self.sampler = sampler
        self.settings = settings
        self.first = first
        self.step = 0
        self.device = error.variances.device
        self.weights = layer_weights(student.network.plan.relus[first:], settings).to(self.device)
        self.parameters = self._free_parameters()
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.adam = torch.optim.Adam(
            self.parameters, lr=settings.learning_rate, betas=settings.betas
        )

    def train(self, until: int, on_report: Callable[[], None]) -> None:
        """Steps up to number `until`; `on_report` is called every `report_every` before it."""
        while self.step < until:
            self._take_step()
            if self.step % self.settings.report_every == 0 and self.step < until:
                on_report()

    def validate(self) -> dict[str, float]:
        """Errors of the averaged weights by layer; raises `StylecliError` if not finite."""
        with self.averaged():
            errors = self.error.validate(self.student)
        if not all(map(math.isfinite, errors.values())):
            raise StylecliError(
                f"the training diverged by step {self.step}: use a lower learning rate."
            )
        return errors

    @contextlib.contextmanager
    def averaged(self) -> Iterator[Student]:
        """The student with its averaged weights, for as long as the context lasts."""
        self._swap_average()
        try:
            yield self.student
        finally:
            self._swap_average()

    def state_dict(self) -> dict[str, Any]:
        """Step number, weights, their average and Adam's moments, in plain containers."""
        return {
            "step": self.step,
            "student": self.student.state_dict(),
            "average": self.average,
            "adam": self.adam.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.adam.load_state_dict(state["adam"])
        for average, value in zip(self.average, state["average"], strict=True):
            average.copy_(value)

    def _take_step(self) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.settings.learning_rate * rate_factor(self.step, self.settings)
        images = self.sampler.sample_batch(self.step, self.settings.batch).to(self.device)
        errors = self.error.compute(self.student, images, self.first)
        self.adam.zero_grad(set_to_none=True)
        (errors * self.weights).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.settings.max_gradient_norm)
        self.adam.step()
        self.step += 1
        self._update_average()

    @torch.no_grad()
    def _update_average(self) -> None:
        """EMA with a decay that grows from 0: the first steps would count too much otherwise."""
        decay = min(self.settings.ema_decay, self.step / (self.step + 10))
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.lerp_(parameter, 1.0 - decay)

    @torch.no_grad()
    def _swap_average(self) -> None:
        for average, parameter in zip(self.average, self.parameters, strict=True):
            value = parameter.clone()
            parameter.copy_(average)
            average.copy_(value)

    def _free_parameters(self) -> list[nn.Parameter]:
        self.student.requires_grad_(False)
        parameters = []
        for layers in (self.student.network.convolutions, self.student.embeddings):
            for layer in layers[self.first :]:
                layer.requires_grad_(True)
                parameters += list(layer.parameters())
        return parameters
