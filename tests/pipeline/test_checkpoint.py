"""Checkpoint files: there and back, and everything that is not one."""

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stylecli.errors import InputError, OutputError, WeightsError
from stylecli.images.discovery import STREAM
from stylecli.images.formats import OutputOptions
from stylecli.job import Job
from stylecli.pipeline import checkpoint as checkpoints
from stylecli.pipeline.checkpoint import (
    Checkpoint,
    check_encoder,
    check_inputs,
    differences,
    load_checkpoint,
    save_checkpoint,
)
from stylecli.pipeline.checkpoint_owner import (
    checkpoint_path,
    fingerprint_in,
    remove_checkpoint,
)
from stylecli.settings import Compute, Settings

JOB = Job(
    content=Path("château.png"),
    styles=(Path("night.png"), Path("day.png")),
    output=Path("out.png"),
    settings=Settings(
        init="start.png",
        seed=7,
        style_layers=(("relu1_1", 2.0),),
        style_weights=(3.0, 1.0),
        encoder="./small.safetensors",
    ),
    compute=Compute(device="cpu", precision="fp32", max_memory="2G"),
    output_options=OutputOptions(quality=80, bits=16, keep_alpha=False),
    existing="overwrite",
    mask=Path("mask.png"),
    style_masks=(Path("m1.png"), Path("m2.png")),
)
HASHES = {path: f"{number:064x}" for number, (_, path) in enumerate(JOB.named_inputs)}


PICTURE = torch.linspace(0, 1, 24).reshape(1, 3, 2, 4)
OPTIMIZER = {
    "valid": torch.tensor([[True, False]]),
    "count": torch.tensor(5),
    "sy": torch.eye(3, dtype=torch.float64),
}
STATE = {
    "scale": 1,
    "iteration": 3,
    "plan": {"history": 20, "tile": None},
    "recoveries": torch.zeros(1, dtype=torch.int64),
    "descent": {"image": PICTURE, "best_image": PICTURE.flip(3), "optimizer": OPTIMIZER},
}


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "out.png.checkpoint"
    save_checkpoint(path, JOB, HASHES, "e" * 64, STATE)
    return path


@pytest.fixture
def forge(saved: Path) -> Callable[..., None]:
    """Write the file again with another header or other tensors, as an honest one would be."""

    def write(change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> None:
        with safe_open(saved, framework="pt") as file:
            header = json.loads(file.metadata()["stylecli"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(header, tensors)
        text = json.dumps(header)
        digest = checkpoints._digest(text, tensors)
        save_file(tensors, saved, {"stylecli": text, "sha256": digest})

    return write


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        same = one.keys() == other.keys()
        return same and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return bool(one == other)


def same_checkpoint(one: Checkpoint, other: Checkpoint) -> bool:
    return alike(one.state, other.state) and replace(one, state={}) == replace(other, state={})


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_checkpoint(path)
    said = str(caught.value)
    assert said.startswith("cannot read the checkpoint ") and said.endswith(".")
    assert said.count(". ") == 0 and said.isprintable()
    return said


def test_there_and_back(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # a run may go on from any folder
    found = load_checkpoint(saved)
    assert alike(found.state, STATE)
    settings = replace(
        JOB.settings,
        init=str(tmp_path / "start.png"),
        encoder=str(tmp_path / "small.safetensors"),
    )
    assert found.job == Job(
        content=tmp_path / JOB.content,
        styles=tuple(tmp_path / path for path in JOB.styles),
        output=tmp_path / JOB.output,
        settings=settings,
        compute=JOB.compute,
        output_options=JOB.output_options,
        mask=tmp_path / "mask.png",
        style_masks=(tmp_path / "m1.png", tmp_path / "m2.png"),
    )
    assert found.hashes == tuple(HASHES.values())
    assert (found.encoder, found.threads) == ("e" * 64, torch.get_num_threads())


def test_named_starts_and_encoders_are_no_paths(saved: Path, content_path: Path) -> None:
    job = Job(content=content_path, styles=(content_path,), output=Path("o.png"))
    saved.unlink()
    save_checkpoint(saved, job, {content_path: "a" * 64}, "e" * 64, STATE)
    assert load_checkpoint(saved).job.settings == Settings()


def test_its_place_is_beside_the_output() -> None:
    assert checkpoint_path(replace(JOB, output=Path("a/b.jpg"))) == Path("a/b.jpg.checkpoint")
    for stream in ({"output": STREAM}, {"content": STREAM}, {"styles": (STREAM, Path("b.png"))}):
        assert checkpoint_path(replace(JOB, **stream)) is None


def test_it_cannot_be_written(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "a.checkpoint", JOB, HASHES, "e" * 64, STATE)


def test_a_checkpoint_belongs_to_its_job(saved: Path, tmp_path: Path) -> None:
    """A foreign file, or another job's, is neither replaced nor removed."""
    mine, before = fingerprint_in(saved), saved.read_bytes()
    assert save_checkpoint(saved, JOB, HASHES, "e" * 64, {**STATE, "iteration": 4}) == saved
    assert fingerprint_in(saved) == mine and saved.read_bytes() != before
    before = saved.read_bytes()
    other = replace(JOB, settings=replace(JOB.settings, seed=8))
    place = save_checkpoint(saved, other, HASHES, "e" * 64, STATE)
    assert place.parent == tmp_path and place != saved and saved.read_bytes() == before
    assert save_checkpoint(saved, other, HASHES, "e" * 64, STATE) == place
    remove_checkpoint(saved, str(fingerprint_in(place)))
    assert list(tmp_path.iterdir()) == [saved]
    saved.write_text("mine")
    remove_checkpoint(saved, str(mine))
    assert saved.read_text() == "mine"


def test_a_forged_one_writes_beside_itself_and_replaces_nothing(
    saved: Path, forge: Any, tmp_path: Path
) -> None:
    forge(lambda h, t: h["job"].update(output="/victim/of.png", force=True, existing="overwrite"))
    job = load_checkpoint(saved).job
    assert (job.output, job.existing) == (tmp_path / "of.png", "refuse")


def test_inputs_that_were_moved_with_it(saved: Path, tmp_path: Path) -> None:
    (tmp_path / JOB.content).touch()
    tmp_path.rename(moved := tmp_path.with_name(f"{tmp_path.name}-moved"))
    job = load_checkpoint(moved / saved.name).job
    assert (job.output, job.content) == (moved / JOB.output, moved / JOB.content)
    moved.rename(tmp_path)


def test_changed_pictures_and_encoders(saved: Path) -> None:
    found = load_checkpoint(saved)
    inputs = [path for _, path in found.job.named_inputs]
    same = dict(zip(inputs, HASHES.values(), strict=True))
    check_inputs(found, same)
    check_encoder(found, "e" * 64)
    for hashes in ({**same, inputs[0]: "c" * 64}, {Path("other.png"): "a" * 64}):
        with pytest.raises(InputError, match=r"^\S+ has changed since .* start again without it.$"):
            check_inputs(found, hashes)
    with pytest.raises(WeightsError, match=r"^the encoder \S+small.safetensors has changed since"):
        check_encoder(found, "f" * 64)


def test_what_may_differ(saved: Path) -> None:
    found = load_checkpoint(saved)
    assert differences(found) == ()
    changed = replace(found, threads=found.threads + 1, torch="1.0", version="0.0")
    first, second, third = differences(changed)
    threads = f"with {found.threads + 1} threads and goes on with {found.threads}"
    assert first == f"the run began {threads}: the last bits may differ"
    assert "began with torch 1.0 and" in second and "began with version 0.0 and" in third


def test_every_truncation_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    lengths = [*range(0, len(data) - 1, len(data) // 40), 7, 8, 9, len(data) - 1]
    for length in lengths:
        saved.write_bytes(data[:length])
        refused(saved)


def test_five_hundred_mutations_are_refused(saved: Path) -> None:
    data, original, accepted = saved.read_bytes(), load_checkpoint(saved), 0
    chance = random.Random(20)
    for number in range(500):
        mutated = bytearray(data)
        place, length = chance.randrange(len(data)), chance.randint(1, 8)
        if number % 5 == 0:
            mutated[place : place + length] = chance.randbytes(length)
        elif number % 5 == 1:
            del mutated[place : place + length]
        elif number % 5 == 2:
            mutated[place:place] = chance.randbytes(length)
        else:
            mutated[place] ^= 1 << chance.randrange(8)
        saved.write_bytes(mutated)
        try:
            found = load_checkpoint(saved)
        except InputError as error:
            assert str(error).endswith(".") and str(error).isprintable()
        else:
            accepted += 1
            assert same_checkpoint(found, original)  # a blank of the JSON became another
    assert accepted < 10


def test_files_of_others(saved: Path, tmp_path: Path, content_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "none")
    assert "it is no file" in refused(tmp_path)
    assert "no checkpoint" in refused(content_path)
    save_file({"a": torch.zeros(2)}, saved)
    assert "not from this program" in refused(saved)
    save_file({"a": torch.zeros(2)}, saved, {"format": "pt"})
    assert "not from this program" in refused(saved)
    save_file({"a": torch.zeros(2)}, saved, {"stylecli": "{}"})
    assert "it is damaged" in refused(saved)
    os.mkfifo(tmp_path / "pipe")
    assert "it is no file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h, t: h.update(format=1), "format is not known"),
        (lambda h, t: h.pop("job"), "it lacks 'job'"),
        (lambda h, t: h.pop("encoder"), "it lacks 'encoder'"),
        (lambda h, t: h.update(job=[]), "makes no sense"),
        (lambda h, t: h.update(threads=float("inf")), "makes no sense"),
        (lambda h, t: h["job"].update(content=3), "makes no sense"),
        (lambda h, t: h["job"]["settings"].update(seed=-1), "seed must be"),
        (lambda h, t: h["job"]["settings"].update(sede=1), "did you mean 'seed'"),
        (lambda h, t: h["job"]["compute"].update(device="gpu"), "device must be"),
        (lambda h, t: h["job"]["compute"].update(speed=9), "makes no sense"),
        (lambda h, t: h["state"].update(scale=-1), "its scale makes no sense"),
        (lambda h, t: h["state"].update(recoveries={"tensor": "no"}), "it lacks 'no'"),
        (lambda h, t: h["state"].update(recoveries={"tensor": []}), "makes no sense"),
        (lambda h, t: h["state"]["descent"].update(image=1.0), "makes no sense"),
        (lambda h, t: t["/descent/image"].add_(1.0), "its picture makes no sense"),
        (lambda h, t: t["/descent/best_image"].fill_(torch.nan), "its picture makes no sense"),
        (lambda h, t: t.update({"/descent/image": torch.zeros(3)}), "its picture makes no sense"),
        (lambda h, t: t.pop("/descent/optimizer/count"), "it lacks '/descent/optimizer/count'"),
    ],
)
def test_forged_ones_are_refused(saved: Path, forge: Any, change: Any, words: str) -> None:
    forge(lambda header, tensors: None)
    load_checkpoint(saved)  # nothing but the change is wrong with it
    forge(change)
    assert words in refused(saved)
