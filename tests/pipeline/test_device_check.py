"""Checks of devices that are not there: a function stands in for what they make."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli.encoder.loading import load_encoder
from stylecli.encoder.vgg import Encoder
from stylecli.errors import is_out_of_memory
from stylecli.pipeline.device_check import approve, candidates, check_device, maker
from stylecli.settings import Compute
from stylecli.transfer import Result

CUDA = Compute(device="cuda:1", precision="bf16")
CPU_FP32 = Compute(device="cpu", precision="fp32")


@pytest.fixture(autouse=True)
def _a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them, of a kind."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card 9000")


class Card:
    """Makes the CPU's picture, with an error where `wrong` names the way it is made."""

    def __init__(self, expected: Result, wrong: dict[tuple[str, bool], Any]) -> None:
        self.expected, self.wrong = expected, wrong
        self.made: list[tuple[str, str, bool]] = []

    def __call__(self, compute: Compute, capture: bool) -> Result:
        self.made.append((compute.device, compute.precision, capture))
        error = self.wrong.get((compute.precision, capture), 0.0)
        if compute.device == "cpu":
            return self.expected
        if isinstance(error, Exception):
            raise error
        return replace(self.expected, image=self.expected.image + error)


@pytest.fixture(scope="module")
def compact() -> Encoder:
    return load_encoder("compact")


@pytest.fixture(scope="module")
def expected(compact: Encoder) -> Result:
    return maker(compact)(CPU_FP32, False)


def test_the_fastest_way_comes_first() -> None:
    ways = [(one.device, one.precision, capture) for one, capture in candidates(CUDA)]
    assert ways == [
        ("cuda:1", "bf16", True),
        ("cuda:1", "bf16", False),
        ("cuda:1", "fp32", True),
        ("cuda:1", "fp32", False),
    ]


NO_KERNELS = RuntimeError("CUDA error: no kernel image is available for execution on the device")


@pytest.mark.parametrize(
    ("wrong", "device", "precision", "capture", "note"),
    [
        ({}, "cuda:1", "bf16", True, ""),
        ({("bf16", True): 0.3}, "cuda:1", "bf16", False, "without a CUDA graph"),
        ({("bf16", True): 0.3, ("bf16", False): torch.nan}, "cuda:1", "fp32", True, "in fp32"),
        (
            {(p, c): NO_KERNELS for p in ("bf16", "fp32") for c in (True, False)},
            "cpu",
            "auto",
            False,
            "so the CPU is used",
        ),
    ],
)
def test_a_device_that_fails_is_used_in_another_way(
    expected: Result,
    tmp_path: Path,
    wrong: dict[tuple[str, bool], Any],
    device: str,
    precision: str,
    capture: bool,
    note: str,
) -> None:
    card = Card(expected, wrong)
    approval = approve(CUDA, card, answers=tmp_path / "answers.json")
    compute = approval.compute
    assert (compute.device, compute.precision, approval.capture) == (device, precision, capture)
    assert [place for place, _, _ in card.made].count("cpu") == 1  # once, for all comparisons
    assert note in approval.note and bool(approval.note) == bool(note)


def test_the_answer_is_kept(expected: Result, tmp_path: Path) -> None:
    """Until the card, PyTorch or this program is another."""
    path, card = tmp_path / "folder" / "answers.json", Card(expected, {("bf16", True): 0.3})
    first = approve(CUDA, card, answers=path)
    made = len(card.made)
    assert approve(CUDA, card, answers=path) == first
    assert len(card.made) == made
    assert all("Card 9000" in name for name in json.loads(path.read_text()))


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', "{" * 5000, "\0"])
def test_answers_that_cannot_be_read_are_made_again(
    expected: Result, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text)
    assert approve(CUDA, Card(expected, {}), answers=path).capture
    assert True in json.loads(path.read_text()).values()


def test_answers_that_cannot_be_kept_are_no_error(expected: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert approve(CUDA, Card(expected, {}), answers=tmp_path / "file" / "answers.json").capture


def test_memory_that_runs_out_is_no_failure_of_the_device(expected: Result) -> None:
    card = Card(expected, {("bf16", True): RuntimeError("CUDA error: out of memory")})
    with pytest.raises(RuntimeError) as raised:
        check_device(CUDA, True, card, expected.image)
    assert is_out_of_memory(raised.value)


def test_operators_that_fall_back_are_named(expected: Result) -> None:
    def make(compute: Compute, capture: bool) -> Result:
        text = "The operator 'aten::index_copy' is not supported on MPS and will fall back to run"
        warnings.warn(text, UserWarning, stacklevel=1)
        return expected

    check = check_device(Compute(device="mps", precision="fp32"), False, make, expected.image)
    assert check.fallbacks == ("aten::index_copy",)
    assert "aten::index_copy" in check.summary and check.passed


def test_the_cpu_in_bf16_passes(compact: Encoder, expected: Result) -> None:
    bf16 = Compute(device="cpu", precision="bf16")
    check = check_device(bf16, False, maker(compact), expected.image)
    assert check.passed and check.difference > 0.0
    assert approve(CPU_FP32, Card.__call__).compute == CPU_FP32  # type: ignore[arg-type]
