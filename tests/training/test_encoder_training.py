"""The training of the encoder, on a few tiny pictures and a narrow random teacher."""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import training.__main__ as command_line
from stylecli.encoder.loading import load_encoder
from stylecli.errors import (
    InputError,
    SettingsError,
    StylecliError,
    UsageError,
    WeightsError,
)
from stylecli.transfer.results import Losses, Progress
from training.crops import CropSampler
from training.distillation import RelativeError, Trainer, layer_weights, rate_factor
from training.export import export_network, to_half
from training.network import Network, Student, make_teacher
from training.on_policy import SnapshotCallback
from training.pictures import Pictures, read_folder, read_pictures
from training.pipeline import Pipeline
from training.selection import (
    build_student,
    fit_reconstruction,
    fold_reconstruction,
    measure_moments,
    second_moment,
    select_columns,
)
from training.settings import (
    DISTILLATION_LAYERS,
    BatchSettings,
    CropSettings,
    DeepeningSettings,
    OnPolicySettings,
    OptimizerSettings,
    SelectionSettings,
    TrainingSettings,
    check_settings,
)

INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)  # of VGG-19's convolutions, to conv5_1
WIDTHS = (6, 6, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 12)  # the teacher's
HALF = tuple(width // 2 for width in WIDTHS)
CROPS = BatchSettings(batches=2, batch=2, side=32)
OPTIMIZER = OptimizerSettings(
    steps=30,
    batch=2,
    side=32,
    learning_rate=3e-3,
    ema_decay=0.0,
    layers=DISTILLATION_LAYERS,
    warmup=5,
    report_every=10,
)
TINY = TrainingSettings(
    precision="fp32",
    validation=CROPS,
    selection=SelectionSettings(widths=HALF, moments=CROPS),
    distillation=OPTIMIZER,
    on_policy=OnPolicySettings(runs=1, sizes=(48,), iterations=4, last_snapshot=3),
    deepening=DeepeningSettings(
        widths=(9, 9, 9, 12),
        moments=CROPS,
        optimizer=replace(OPTIMIZER, steps=20, ema_decay=0.9),
    ),
)
pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass
class Inputs:
    """A teacher's file, folders of pictures, and a place for results."""

    teacher: Path
    photos: Path
    paintings: Path
    folder: Path

    def make_pipeline(self, name: str, settings: TrainingSettings = TINY) -> Pipeline:
        return Pipeline(
            load_encoder(str(self.teacher)),
            read_pictures(self.photos, self.paintings),
            settings,
            work=self.folder / name,
            report=lambda line: None,
        )

    def arguments(self, out: Path, *options: str) -> list[str]:
        paths = {"photos": self.photos, "paintings": self.paintings, "out": out}
        given = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        return [*given, "--teacher", str(self.teacher), *options]


def save_teacher(path: Path, convolution: Callable[[int, int], torch.Tensor]) -> Path:
    """Weights of `convolution(outputs, inputs)`, and small biases, with torchvision's keys."""
    generator, weights, inputs = torch.Generator().manual_seed(1), {}, 3
    for index, outputs in zip(INDICES, WIDTHS, strict=True):
        weights[f"{index}.weight"] = convolution(outputs, inputs)
        weights[f"{index}.bias"] = torch.randn(outputs, generator=generator) * 0.1
        inputs = outputs
    save_file(weights, path)
    return path


def random_convolution(generator: torch.Generator) -> Callable[[int, int], torch.Tensor]:
    def draw(outputs: int, inputs: int) -> torch.Tensor:
        scale = math.sqrt(2 / (9 * inputs))
        return torch.randn((outputs, inputs, 3, 3), generator=generator) * scale

    return draw


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Three photos, smooth, and three paintings, striped, of 64 to 80 pixels."""
    folder = tmp_path_factory.mktemp("training")
    teacher = folder / "teacher.safetensors"
    save_teacher(teacher, random_convolution(torch.Generator().manual_seed(0)))
    rng = numpy.random.default_rng(0)
    for kind, frequency in (("photos", 0.05), ("paintings", 0.8)):
        (folder / kind).mkdir()
        for number in range(3):
            y, x = numpy.mgrid[:64, : 64 + 8 * number]
            phases = [frequency * (a * x + b * y) for a, b in rng.uniform(-1, 1, (3, 2))]
            pixels = 127.5 + 100 * numpy.sin(numpy.stack(phases, -1)) + rng.normal(0, 5, (3,))
            picture = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
            picture.save(folder / kind / f"{number}.png")
    return Inputs(teacher, folder / "photos", folder / "paintings", folder)


@pytest.fixture(scope="module")
def teacher(inputs: Inputs) -> Network:
    return make_teacher(load_encoder(str(inputs.teacher)), "relu5_1")


@pytest.fixture(scope="module")
def finished(inputs: Inputs) -> Path:
    """The file of a whole run, its stages in the folder `whole`."""
    out = inputs.folder / "whole.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_line, "DEFAULTS", TINY)
        patch.setattr("builtins.print", lambda *texts, **options: None)
        work = ("--work", str(inputs.folder / "whole"), "--threads", "1")
        assert command_line.main(inputs.arguments(out, *work)) == 0
    return out


def stage(inputs: Inputs, name: str) -> dict[str, torch.Tensor]:
    path = inputs.folder / "whole" / f"{name}.pt"
    return dict(torch.load(path, weights_only=True)["student"])


def images(count: int = 2, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(seed))


def left_of(teacher: Network, student: Student, batch: torch.Tensor) -> list[float]:
    """Share of the teacher's variance that is left, layer by layer."""
    error = RelativeError(teacher, [batch], precision="fp32")
    return list(error.validate(student).values())


def test_the_teacher_has_the_features_of_the_encoder(inputs: Inputs, teacher: Network) -> None:
    encoder = load_encoder(str(inputs.teacher))
    assert teacher.plan.indices == INDICES and teacher.plan.relus[-1] == "relu5_1"
    expected = encoder(images(side=48), teacher.plan.relus)
    for name, features in zip(teacher.plan.relus, teacher(images(side=48)), strict=True):
        torch.testing.assert_close(features, expected[name])
    with pytest.raises(UsageError, match="the teacher has no layer relu5_2: it ends at relu5_1"):
        make_teacher(encoder, "relu5_2")


# Channel selection and refit


def test_selection_takes_the_channels_that_explain_most_of_all() -> None:
    # Channels a, b, a + b and 1.5 c of independent a, b, c of variance 1. By hand: the scores
    # are 2, 2, 6 / 2 = 3 and 2.25; then 1, 1, nothing and 2.25; then 1, 1 and nothing.
    mixing = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1.5]])
    covariance = mixing @ mixing.T
    chosen = [select_columns(covariance, count).tolist() for count in (1, 2, 3)]
    assert chosen == [[2], [2, 3], [0, 2, 3]]


def test_selection_goes_on_where_nothing_is_left_to_explain() -> None:
    covariance = torch.diag(torch.tensor([0.0, 1.0, 0.0, 0.0]))
    assert select_columns(covariance, 3).tolist() == [0, 1, 2]


def test_reconstruction_solves_a_linear_relation() -> None:
    a, b = torch.rand((2, 4, 1, 5, 6), generator=torch.Generator().manual_seed(0))
    moment = second_moment(torch.cat([a, 2 * a - b + 3, b], 1))
    matrix = fit_reconstruction(moment, torch.tensor([0, 2]), ridge=0.0)
    expected = torch.tensor([[1.0, 0, 0], [2, -1, 3], [0, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(matrix, expected, rtol=0, atol=1e-4)
    assert torch.equal(matrix[[0, 2]], expected[[0, 2]])


def test_moments_are_those_of_all_positions() -> None:
    features = torch.tensor([[1.0, 2.0], [0.0, 4.0]]).view(1, 2, 1, 2)
    expected = torch.tensor([[2.5, 4, 1.5], [4, 8, 2], [1.5, 2, 1]], dtype=torch.float64)
    assert torch.equal(second_moment(features), expected)


def test_a_student_with_all_channels_is_the_teacher(teacher: Network) -> None:
    moments = measure_moments(teacher, [images()])
    student = build_student(teacher, moments, WIDTHS, ridge=1e-5)
    for index in range(len(WIDTHS)):
        for copy, original in zip(
            student.network.convolution(index), teacher.convolution(index), strict=True
        ):
            assert torch.equal(copy, original)
    assert left_of(teacher, student, images(seed=1)) == [0.0] * len(WIDTHS)


def test_refit_finds_a_teacher_of_half_the_width_inside_one_of_twins(tmp_path: Path) -> None:
    draw = random_convolution(torch.Generator().manual_seed(2))

    def twins(outputs: int, inputs: int) -> torch.Tensor:
        return draw(outputs // 2, inputs).repeat(2, 1, 1, 1)

    path = save_teacher(tmp_path / "twins.safetensors", twins)
    weights = load_file(path)
    for index, width in zip(INDICES, WIDTHS, strict=True):
        weights[f"{index}.bias"] = weights[f"{index}.bias"][: width // 2].repeat(2)
    save_file(weights, path)
    teacher = make_teacher(load_encoder(str(path)), "relu5_1")
    moments = measure_moments(teacher, [images()])
    student = build_student(teacher, moments, HALF, ridge=1e-9)
    assert max(left_of(teacher, student, images(seed=1))) < 1e-6
    narrower = build_student(teacher, moments, (2, *HALF[1:]), ridge=1e-9)
    assert left_of(teacher, narrower, images(seed=1))[0] > 1e-3


def test_a_folded_convolution_sees_the_reconstruction_inside_the_border() -> None:
    generator = torch.Generator().manual_seed(3)
    weight, bias = torch.randn((4, 5, 3, 3), generator=generator), torch.arange(4.0)
    matrix = torch.randn((5, 3), generator=generator)  # from two channels and a constant
    features = torch.randn((1, 2, 6, 7), generator=generator)
    reconstructed = torch.einsum("cd,bdhw->bchw", matrix[:, :-1], features)
    reconstructed += matrix[:, -1, None, None]
    folded, constant = fold_reconstruction(weight, bias, matrix)
    torch.testing.assert_close(
        F.conv2d(features.double(), folded, constant),
        F.conv2d(reconstructed, weight, bias).double(),
        rtol=1e-4,
        atol=1e-4,
    )


# Crops


def plain_pictures() -> Pictures:
    """One picture of each kind, in one color each."""
    photo, painting, result = (
        torch.full((3, 40, 50), value, dtype=torch.uint8) for value in (51, 102, 153)
    )
    return Pictures((photo,), (painting,), (result,))


PLAIN = CropSettings(noise=0.0, on_policy=0.0, flip=0, permute_channels=0, jitter=0, grain=0)


def sampled_colors(settings: CropSettings) -> set[float]:
    sampler = CropSampler(plain_pictures(), 16, seed="0/test", settings=settings)
    batch = sampler.sample_batch(0, 40)
    assert batch.shape == (40, 3, 16, 16)
    return {round(float(crop.median()), 4) for crop in batch}


def test_crops_come_from_the_sources_that_the_shares_say() -> None:
    assert sampled_colors(replace(PLAIN, photos=1.0)) == {0.2}
    assert sampled_colors(replace(PLAIN, photos=0.0)) == {0.4}
    assert sampled_colors(replace(PLAIN, on_policy=1.0)) == {0.6}
    assert sampled_colors(replace(PLAIN, on_policy=0.5, photos=0.5)) == {0.2, 0.4, 0.6}


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    def sampler(seed: str) -> CropSampler:
        return CropSampler(plain_pictures(), 16, seed=seed, settings=CropSettings())

    first = sampler("0/a")
    first.sample_batch(4, 2)
    batch = first.sample_batch(5, 2)
    assert torch.equal(batch, sampler("0/a").sample_batch(5, 2))
    assert not torch.equal(batch, sampler("0/a").sample_batch(6, 2))
    assert not torch.equal(batch, sampler("1/a").sample_batch(5, 2))
    assert batch.min() >= 0.0 and batch.max() <= 1.0


def test_a_picture_smaller_than_a_crop_is_enlarged() -> None:
    sampler = CropSampler(plain_pictures(), 64, seed="0/test", settings=PLAIN)
    assert sampler.sample_batch(0, 2).shape == (2, 3, 64, 64)


# Optimization


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


# On-policy pictures and export


def test_snapshots_are_counted_over_all_scales() -> None:
    callback = SnapshotCallback((5, 2))
    for scale, iteration in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)):
        label = float(10 * scale + iteration)
        callback(progress(scale, iteration, label))
    assert [float(picture) for picture in callback.pictures] == [12.0, 22.0]


def progress(scale: int, iteration: int, label: float) -> Progress:
    losses = Losses(total=0.0, content=0.0, style=0.0)
    return Progress(scale, 2, 8, 8, iteration, 3, 0.5, losses, lambda: torch.tensor(label))


@pytest.mark.parametrize("value", [1e5, math.nan, 1e-9])
def test_weights_that_float16_cannot_hold_are_refused(value: float) -> None:
    assert to_half(torch.tensor([0.5, 1.0]), "0.weight").dtype == torch.float16
    with pytest.raises(WeightsError, match=r"0\.weight does not fit into float16"):
        to_half(torch.tensor([value, value]), "0.weight")


def test_the_bundled_file_exported_again_has_the_same_bytes(tmp_path: Path) -> None:
    bundled = load_encoder("compact")
    network = make_teacher(bundled, bundled.layer_names[-1])
    exported = export_network(network, tmp_path / "again.safetensors")
    assert exported.sha256 == bundled.sha256


# All stages


def test_training_brings_the_student_nearer_to_the_teacher(
    inputs: Inputs, teacher: Network, finished: Path
) -> None:
    batches = inputs.make_pipeline("whole").sample_batches(
        "validation", read_pictures(inputs.photos, inputs.paintings), CROPS
    )
    error = RelativeError(teacher, batches, precision="fp32")
    weights = layer_weights(teacher.plan.relus, OPTIMIZER).tolist()
    losses = []
    for name in ("1-selection", "2-distillation", "4-distillation"):
        student = Student(teacher, HALF)
        student.load_state_dict(stage(inputs, name))
        values = error.validate(student).values()
        losses.append(sum(w * v for w, v in zip(weights, values, strict=True)))
    assert losses[1] < 0.9 * losses[0] and losses[2] < 0.9 * losses[0]
    assert losses[1] != losses[2]


def test_deepening_widens_deep_layers_and_leaves_the_others(inputs: Inputs, finished: Path) -> None:
    half, deep = stage(inputs, "4-distillation"), stage(inputs, "6-deepening")
    for index in range(len(WIDTHS)):
        key = f"network.convolutions.{index}.weight"
        assert (index < 9) == (deep[key].shape == half[key].shape and deep[key].equal(half[key]))


def test_exported_file_is_read_as_an_encoder(inputs: Inputs, finished: Path) -> None:
    encoder = load_encoder(str(finished))
    weights = [step for step in encoder.steps if step.kind == "conv"]
    deep = stage(inputs, "6-deepening")
    assert encoder.layer_names[-1] == "relu5_1"
    assert [len(step.weight) for step in weights if step.weight is not None] == [
        *HALF[:9],
        *TINY.deepening.widths,
    ]
    for index, step in enumerate(weights):
        for part, tensor in (("weight", step.weight), ("bias", step.bias)):
            expected = deep[f"network.convolutions.{index}.{part}"].half().float()
            assert tensor is not None and torch.equal(tensor, expected)
    assert {tensor.dtype for tensor in load_file(finished).values()} == {torch.float16}


def test_on_policy_pictures_are_snapshots_and_results(inputs: Inputs, finished: Path) -> None:
    for name in ("3-on-policy", "5-on-policy"):
        path = inputs.folder / "whole" / f"{name}.pt"
        pictures = torch.load(path, weights_only=True)["pictures"]
        assert [max(picture.shape) for picture in pictures] == [48] * 4
        assert {picture.dtype for picture in pictures} == {torch.uint8}
        assert torch.equal(pictures[2], pictures[3]) and not torch.equal(pictures[0], pictures[2])


def test_the_same_seed_gives_the_same_bytes_after_an_interruption_too(
    inputs: Inputs, finished: Path
) -> None:
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        if line.startswith("4-distillation: step 25"):
            raise KeyboardInterrupt

    settings = replace(TINY, distillation=replace(OPTIMIZER, report_every=5))
    interrupted = inputs.make_pipeline("interrupted", settings)
    interrupted.report = interrupt
    out = inputs.folder / "interrupted.safetensors"
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(out)
    assert (interrupted.files.folder / "4-distillation.unfinished.pt").exists()
    second = [line for line in lines if line.startswith("4-distillation")]
    assert second[0].startswith("4-distillation: step 15 of 30")
    lines.clear()
    again = inputs.make_pipeline("interrupted", settings)
    again.report = again.files.report = lines.append
    again.run(out)
    assert sum("is used again" in line for line in lines) == 3
    assert any(line.startswith("4-distillation: step 20 of 30") for line in lines)
    assert not (interrupted.files.folder / "4-distillation.unfinished.pt").exists()
    assert out.read_bytes() == finished.read_bytes()


def test_another_seed_gives_another_student(inputs: Inputs, finished: Path) -> None:
    pipeline = inputs.make_pipeline("other", replace(TINY, seed=1))
    pipeline.distill("2-distillation", pipeline.select(), pipeline.pictures, until=1)
    other = torch.load(inputs.folder / "other" / "1-selection.pt", weights_only=True)["student"]
    weights = stage(inputs, "1-selection")
    assert any(not torch.equal(weights[name], other[name]) for name in weights)


def test_files_of_other_settings_are_refused(inputs: Inputs, finished: Path) -> None:
    copy = inputs.folder / "copy"
    shutil.copytree(inputs.folder / "whole", copy)
    changed = inputs.make_pipeline("copy", replace(TINY, distillation=replace(OPTIMIZER, steps=9)))
    start = changed.select()  # does not depend on the change
    with pytest.raises(InputError, match="made with other settings or pictures: delete it"):
        changed.distill("2-distillation", start, changed.pictures, until=4)
    (copy / "1-selection.pt").write_bytes(b"torn")
    with pytest.raises(InputError, match="is damaged: delete it"):
        inputs.make_pipeline("copy").select()


# Input that makes no sense


def test_missing_and_empty_folders_are_one_sentence(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = replace(inputs, photos=tmp_path / "absent")
    assert command_line.main(absent.arguments(tmp_path / "out.safetensors")) == 4
    message = f"error: there is no folder {tmp_path / 'absent'}: give one that holds photos.\n"
    assert capsys.readouterr().err == message
    with pytest.raises(InputError, match="there are no paintings in"):
        read_folder(tmp_path, "paintings", 900)


def test_pictures_are_reduced_to_their_longest_side(inputs: Inputs) -> None:
    sizes = [tuple(picture.shape) for picture in read_folder(inputs.photos, "photos", 40)]
    assert sizes == [(3, 40, 40), (3, 36, 40), (3, 32, 40)]


def test_an_existing_file_is_kept(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"precious")
    assert command_line.main(inputs.arguments(out)) == 5
    assert "exists already: add --force" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"


def test_settings_that_do_not_fit_are_refused() -> None:
    deepening, run = TINY.deepening, TINY.on_policy
    for changed, message in (
        (replace(TINY, deepening=replace(deepening, kept_layers=13)), "kept_layers must be 1 to"),
        (replace(TINY, deepening=replace(deepening, widths=(9, 9, 9, 99))), "none above the"),
        (replace(TINY, selection=SelectionSettings(widths=HALF[1:])), "must be 13 numbers"),
        (replace(TINY, distillation=replace(OPTIMIZER, steps=0)), "at least 1 step"),
        (replace(TINY, on_policy=replace(run, runs=0)), "at least 1 run"),
    ):
        with pytest.raises(SettingsError, match=message):
            check_settings(changed, WIDTHS)
    check_settings(TINY, WIDTHS)


def test_defaults_fit_vgg19_and_make_the_documented_widths() -> None:
    defaults = TrainingSettings()
    vgg19 = (64,) * 2 + (128,) * 2 + (256,) * 4 + (512,) * 5
    check_settings(defaults, vgg19)
    deep = (256, 384, 384, 384, 512)
    assert defaults.widths == (32, 32, 64, 64, 128, 128, 128, 128, *deep)
    assert (defaults.distillation.steps, defaults.deepening.optimizer.steps) == (4400, 1145)
