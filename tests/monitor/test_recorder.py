"""Files beside the picture: written so far, carried on, and never at the picture's cost."""

from pathlib import Path

import pytest
import torch

from stylecli.errors import InputError
from stylecli.job import Job
from stylecli.monitor.recorder import Recorder
from stylecli.monitor.side_files import SideFiles
from stylecli.transfer.results import Losses, Progress


def step(number: int) -> Progress:
    image, losses = torch.full((3, 12, 16), number / 9), Losses(1 / number, 0.5, 0.1)
    return Progress(1, 1, 16, 12, number, 6, number / 6, losses, lambda: image)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(content=tmp_path / "c.png", styles=(tmp_path / "s.png",), output=tmp_path / "o.png")


def files_in(folder: Path, frames: str) -> SideFiles:
    plot = (folder / "a.csv", folder / "a.jsonl")
    single = {"frames": folder / frames, "recipe": folder / "r.toml"}
    return SideFiles(every=2, preview=folder / "p.jpg", plot=plot, **single)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("frames", ["m.webp", "m.gif", "steps"])
def test_stopped_moved_and_carried_on(job: Job, tmp_path: Path, frames: str) -> None:
    notes: list[str] = []
    whole = Recorder(files_in(tmp_path / "whole", frames), job, notes.append)
    first = Recorder(files_in(tmp_path / "first", frames), job, notes.append)
    for number in range(1, 7):
        whole(step(number))
        if number <= 3:
            first(step(number))
    whole.close()
    state = first.state_dict(tmp_path / "first", stop=True)
    assert {"a.csv", "a.jsonl", "p.jpg", "r.toml"} <= contents(tmp_path / "first").keys()
    (tmp_path / "first").rename(tmp_path / "moved")
    files, elsewhere = SideFiles.from_dict(state["files"], tmp_path / "moved")
    assert (files, elsewhere) == (files_in(tmp_path / "moved", frames), ())
    second = Recorder(files, job, notes.append)
    second.load_state_dict(state)
    for number in range(4, 7):
        second(step(number))
    second.close()
    assert contents(tmp_path / "moved") == contents(tmp_path / "whole")
    assert notes == [] and not (tmp_path / "first").exists()


def test_one_that_fails_is_told_once_and_the_others_go_on(job: Job, tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("somebody else's")
    (tmp_path / "steps").write_text("no folder")
    notes: list[str] = []
    recorder = Recorder(files_in(tmp_path, "steps"), job, notes.append)
    for number in range(1, 7):
        recorder(step(number))
    recorder.close()
    assert len(notes) == 2 and "p.jpg exists already" in notes[0] and "steps" in notes[1]
    assert (tmp_path / "p.jpg").read_text() == "somebody else's"
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 7


def test_a_file_that_has_changed_since_is_not_replaced(job: Job, tmp_path: Path) -> None:
    notes: list[str] = []
    files = SideFiles(plot=(tmp_path / "a.csv",))
    first = Recorder(files, job, notes.append)
    first(step(1))
    state = first.state_dict(tmp_path, stop=True)
    (tmp_path / "a.csv").write_text("edited")
    second = Recorder(files, job, notes.append)
    second.load_state_dict(state)
    second(step(2))
    second.close()
    assert (tmp_path / "a.csv").read_text() == "edited" and "exists already" in notes[0]


def test_a_forged_state_is_refused(job: Job, tmp_path: Path) -> None:
    recorder = Recorder(SideFiles(frames=tmp_path / "m.gif"), job, print)
    frames = {"0": torch.zeros(4, 4)}
    for state in ({}, {"digests": {}, "frames": {"count": 1, "size": [4, 4], "frames": frames}}):
        with pytest.raises(InputError, match="does not fit its own job"):
            recorder.load_state_dict(state)
