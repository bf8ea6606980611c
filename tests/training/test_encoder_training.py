"""The training of the encoder, on a few tiny pictures and a narrow random teacher."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import training.__main__ as command_line
from stylecli.encoder.loading import load_encoder
from stylecli.errors import InputError, SettingsError, UsageError, WeightsError
from stylecli.transfer.results import Losses, Progress
from training.distillation import RelativeError, layer_weights
from training.export import export_network, to_half
from training.network import Network, Student, make_teacher
from training.on_policy import SnapshotCallback
from training.pictures import read_folder, read_pictures
from training.settings import SelectionSettings, TrainingSettings, check_settings

from .conftest import CROPS, HALF, INDICES, OPTIMIZER, TINY, WIDTHS, Inputs, images

pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_the_teacher_has_the_features_of_the_encoder(inputs: Inputs, teacher: Network) -> None:
    encoder = load_encoder(str(inputs.teacher))
    assert teacher.plan.indices == INDICES and teacher.plan.relus[-1] == "relu5_1"
    expected = encoder(images(side=48), teacher.plan.relus)
    for name, features in zip(teacher.plan.relus, teacher(images(side=48)), strict=True):
        torch.testing.assert_close(features, expected[name])
    with pytest.raises(UsageError, match="the teacher has no layer relu5_2: it ends at relu5_1"):
        make_teacher(encoder, "relu5_2")


# Channel selection and refit


# Crops


# Optimization


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
