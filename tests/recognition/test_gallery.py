"""Galleries: what they hold, how they are kept, what they refuse."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from stylecli.errors import InputError
from stylecli.recognition.embedding import Embedding
from stylecli.recognition.gallery import RAW_THRESHOLD, Gallery, load_gallery, save_gallery
from stylecli.recognition.verification import Verification


def gallery(**changes: Any) -> Gallery:
    descriptors = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0]])
    return Gallery(**{"names": ("a", "b", "a"), "descriptors": descriptors, "encoder": "compact",
                      "encoder_sha256": "e" * 64, **changes})  # fmt: skip


def trained() -> Gallery:
    embedding = Embedding(torch.full((3,), 0.1), torch.eye(3)[:, :2].contiguous())
    figures = Verification(0.9, 0.1, 0.7, 0.8)
    return gallery(embedding=embedding, threshold=0.7, report={"raw": figures, "trained": figures})


def test_styles_by_their_nearest_picture() -> None:
    found = gallery().match(torch.tensor([0.6, 0.8, 0.0]))
    assert [each.name for each in found] == ["a", "b"]
    assert found[0].distance == pytest.approx(0.0)
    assert found[1].distance == pytest.approx(0.4**0.5)


def test_a_trained_gallery_compares_embedded_descriptors() -> None:
    known = trained()
    descriptor = torch.tensor([0.0, 1.0, 0.0])
    own = known.embedded(descriptor[None])
    expected = (known.embedded(known.descriptors) - own).norm(dim=1)
    found = {each.name: each.distance for each in known.match(descriptor)}
    assert found == {
        "a": pytest.approx(float(expected[[0, 2]].min())),
        "b": pytest.approx(float(expected[1]), abs=1e-6),
    }


@pytest.mark.parametrize("make", [gallery, trained])
def test_round_trip(make: Any, tmp_path: Path) -> None:
    save_gallery(tmp_path / "g.safetensors", make())
    found, wanted = load_gallery(tmp_path / "g.safetensors"), make()
    for field in dataclasses.fields(Gallery):
        one, two = getattr(found, field.name), getattr(wanted, field.name)
        if field.name == "descriptors":
            assert torch.equal(one, two)
        elif field.name == "embedding" and two is not None:
            assert torch.equal(one.mean, two.mean)
            assert torch.equal(one.matrix, two.matrix)
        else:
            assert one == two
    assert gallery().threshold == RAW_THRESHOLD


def test_what_is_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no gallery at all")
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    save_gallery(tmp_path / "cut.safetensors", gallery())
    data = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[:-7])
    for name in ("text", "other", "cut", "none"):
        with pytest.raises(InputError, match=rf"cannot read the gallery .*{name}\.safetensors"):
            load_gallery(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("tensors", "header"),
    [
        ({"codes": torch.full((3, 3), float("nan"))}, {}),
        ({"codes": torch.zeros(3, 3, dtype=torch.float16)}, {}),
        ({"codes": torch.zeros(3)}, {}),
        ({"codes": torch.zeros(2, 3)}, {}),
        ({"matrix": torch.zeros(4, 2), "mean": torch.zeros(3)}, {}),
        ({"matrix": torch.zeros(3, 2)}, {}),
        ({}, {"format": 2}),
        ({}, {"names": ["a", "b", 3]}),
        ({}, {"names": "abc!"}),
        ({}, {"threshold": "wide"}),
        ({}, {"report": {"raw": {"auc": 1.0}}}),
    ],
)
def test_what_does_not_fit_together(tensors: Any, header: Any, tmp_path: Path) -> None:
    known = {
        "format": 1, "names": ["a", "b", "c"], "encoder": "compact", "encoder_sha256": "e",
        "threshold": 0.5, "report": {},
    }  # fmt: skip
    data = {"codes": torch.zeros(3, 3), **tensors}
    metadata = {"stylecli-gallery": json.dumps({**known, **header})}
    save_file(data, tmp_path / "g.safetensors", metadata)
    with pytest.raises(InputError, match="cannot read the gallery"):
        load_gallery(tmp_path / "g.safetensors")
