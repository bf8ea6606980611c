"""The stages in order: selection, distillation, on-policy pictures, deepening, export."""

from pathlib import Path
from typing import Final

import torch

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.output_guard import OutputGuard
from training.crops import CropSampler
from training.distillation import RelativeError, Trainer
from training.export import ExportedFile, export_network
from training.network import Student, make_teacher
from training.on_policy import make_on_policy_pictures
from training.pictures import Pictures
from training.selection import Moments, build_student, measure_moments
from training.settings import (
    LAST_LAYER,
    BatchSettings,
    OptimizerSettings,
    TrainingSettings,
    check_settings,
)
from training.stage_files import Report, Stage, StageFiles

SELECTION: Final = "1-selection"
FIRST_HALF: Final = "2-distillation"
EARLY_PICTURES: Final = "3-on-policy"
SECOND_HALF: Final = "4-distillation"
LATE_PICTURES: Final = "5-on-policy"
DEEPENING: Final = "6-deepening"


class Pipeline:
    """Everything the stages share, and the stages themselves.

    `work` is the folder of the stages' files, `device` `cpu` or `cuda`.
    """

    def __init__(
        self,
        teacher: Encoder,
        pictures: Pictures,
        settings: TrainingSettings,
        *,
        work: Path,
        device: str = "cpu",
        report: Report = print,
    ) -> None:
        self.settings = settings
        self.pictures = pictures
        self.device = device
        self.report = report
        self.teacher = make_teacher(teacher, LAST_LAYER).to(device)
        check_settings(settings, self.teacher.widths)
        shared = (settings.seed, settings.precision, settings.crops, settings.validation)
        inputs = f"{teacher.sha256} {pictures.compute_digest()} {shared}"
        self.files = StageFiles(work, inputs, report)

    def run(self, out: Path, guard: OutputGuard | None = None) -> ExportedFile:
        """Make the weights file, stage by stage."""
        steps = self.settings.distillation.steps
        half = round(steps * self.settings.on_policy_from)

        selected = self.select()
        first = self.distill(FIRST_HALF, selected, self.pictures, until=half)
        early = self.make_pictures(EARLY_PICTURES, first)
        pictures = self.pictures.add_on_policy(early)
        second = self.distill(SECOND_HALF, first, pictures, until=steps)
        late = self.make_pictures(LATE_PICTURES, second)
        pictures = pictures.add_on_policy(late * self.settings.deepening.late_copies)
        finished = self.deepen(second, pictures)
        return export_network(self.load_student(finished).network, out, guard)

    def select(self) -> Stage:
        """Stage 1: channel selection and least-squares refit of all layers."""
        settings = self.settings.selection
        if stage := self.files.begin(SELECTION, settings):
            return stage
        moments = self.measure(SELECTION, self.pictures, settings.moments)
        student = build_student(self.teacher, moments, settings.widths, ridge=settings.ridge)
        return self.files.write(SELECTION, describe(student))

    def distill(self, name: str, start: Stage, pictures: Pictures, *, until: int) -> Stage:
        """Stages 2 and 4: distillation of all layers, from where `start` is to a step."""
        settings = self.settings.distillation
        if stage := self.files.begin(name, (settings, until)):
            return stage
        student = self.load_student(start)
        trainer = self.make_trainer("distillation", student, pictures, settings)
        if "trainer" in start:
            trainer.load_state_dict(start["trainer"])
        return self.train(name, trainer, until)

    def make_pictures(self, name: str, start: Stage) -> list[torch.Tensor]:
        """Stages 3 and 5: on-policy pictures, (3, H, W) uint8, through the student so far."""
        settings = self.settings.on_policy
        stage = self.files.begin(name, settings)
        if stage is None:
            path = self.files.folder / f"{name}.safetensors"
            export_network(self.load_student(start).network, path)
            pictures = make_on_policy_pictures(
                load_encoder(str(path)),
                self.pictures,
                settings,
                seed=f"{self.settings.seed}/{name}",
                device=self.device,
                report=lambda line: self.report(f"{name}: {line}"),
            )
            stage = self.files.write(name, {"pictures": pictures})
        return list(stage["pictures"])

    def deepen(self, start: Stage, pictures: Pictures) -> Stage:
        """Stage 6: deep layers of other widths, refitted by least squares, then trained alone."""
        settings = self.settings.deepening
        if stage := self.files.begin(DEEPENING, settings):
            return stage
        student = self.widen(start, pictures)
        first = 0 if settings.train_all else settings.kept_layers
        trainer = self.make_trainer("deepening", student, pictures, settings.optimizer, first)
        return self.train(DEEPENING, trainer, settings.optimizer.steps)

    def widen(self, start: Stage, pictures: Pictures) -> Student:
        """The student with `settings.widths`: its first layers kept, the others refitted."""
        settings = self.settings.deepening
        return build_student(
            self.teacher,
            self.measure(DEEPENING, pictures, settings.moments),
            self.settings.widths,
            ridge=self.settings.selection.ridge,
            base=self.load_student(start),
            kept=settings.kept_layers,
        )

    def measure(self, name: str, pictures: Pictures, settings: BatchSettings) -> Moments:
        """Second moments of the teacher's features over random crops."""
        return measure_moments(
            self.teacher, self.sample_batches(f"{name}/moments", pictures, settings)
        )

    def train(self, name: str, trainer: Trainer, until: int) -> Stage:
        """Train up to a step, or from where an interrupted run left its checkpoint."""
        checkpoint = f"{name}.unfinished"
        if state := self.files.read(checkpoint):
            trainer.load_state_dict(state["trainer"])

        def report() -> dict[str, float]:
            errors = trainer.validate()
            self.report(f"{name}: step {trainer.step} of {until}: {format_errors(errors)}")
            return errors

        def on_report() -> None:
            report()
            self.files.write(checkpoint, {"trainer": trainer.state_dict()})

        report()
        trainer.train(until, on_report)
        errors = report()
        with trainer.averaged() as student:
            stage = {**describe(student), "errors": errors}
        stage = self.files.write(name, {**stage, "trainer": trainer.state_dict()})
        self.files.path(checkpoint).unlink(missing_ok=True)
        return stage

    def make_trainer(
        self,
        purpose: str,
        student: Student,
        pictures: Pictures,
        settings: OptimizerSettings,
        first: int = 0,
    ) -> Trainer:
        """Trainer of the layers from `first` on, with its crops and the validation crops."""
        images = self.sample_batches("validation", pictures, self.settings.validation)
        error = RelativeError(self.teacher, images, precision=self.settings.precision)
        sampler = self.make_sampler(purpose, pictures, settings.side)
        return Trainer(student.to(self.device), error, sampler, settings, first=first)

    def sample_batches(
        self, purpose: str, pictures: Pictures, settings: BatchSettings
    ) -> list[torch.Tensor]:
        """A fixed number of batches, on the device."""
        sampler = self.make_sampler(purpose, pictures, settings.side)
        numbers = range(settings.batches)
        return [sampler.sample_batch(n, settings.batch).to(self.device) for n in numbers]

    def make_sampler(self, purpose: str, pictures: Pictures, side: int) -> CropSampler:
        """Crops of `side` pixels; each purpose has random numbers of its own."""
        seed = f"{self.settings.seed}/{purpose}"
        return CropSampler(pictures, side, seed=seed, settings=self.settings.crops)

    def load_student(self, stage: Stage) -> Student:
        """The student of a finished stage, with its averaged weights, on the device."""
        student = Student(self.teacher, stage["widths"])
        student.load_state_dict(stage["student"])
        return student.to(self.device)


def describe(student: Student) -> Stage:
    """Widths and a copy of the weights of a student, as a stage keeps them."""
    weights = {name: value.detach().clone() for name, value in student.state_dict().items()}
    return {"widths": list(student.network.widths), "student": weights}


def format_errors(errors: dict[str, float]) -> str:
    """`relu1_1 0.008 relu1_2 0.034 …`: share of the teacher's variance that is left."""
    return " ".join(f"{name} {error:.3f}" for name, error in errors.items())
