"""Channels that are kept, and weights that make up for the others."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from stylecli.encoder.loading import load_encoder
from training.distillation import RelativeError
from training.network import Network, Student, make_teacher
from training.selection import (
    build_student,
    fit_reconstruction,
    fold_reconstruction,
    measure_moments,
    second_moment,
    select_columns,
)

from .conftest import HALF, INDICES, WIDTHS, images, random_convolution, save_teacher

pytestmark = pytest.mark.usefixtures("one_thread")


def left_of(teacher: Network, student: Student, batch: torch.Tensor) -> list[float]:
    """Share of the teacher's variance that is left, layer by layer."""
    error = RelativeError(teacher, [batch], precision="fp32")
    return list(error.validate(student).values())


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
