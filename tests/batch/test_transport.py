"""Files of a group on a machine that sees them, and on one that does not."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecli.batch import transport
from stylecli.batch.actor_pool import ActorHandle
from stylecli.batch.cluster_worker import ClusterWorker, describe_machine
from stylecli.batch.grouping import Group, located
from stylecli.batch.outcome import Outcome
from stylecli.batch.ray_driver import RayDriver
from stylecli.batch.scheduling import Machine
from stylecli.batch.transport import (
    InputFile,
    Made,
    Scratch,
    as_plain,
    delivered,
    files_of,
)
from stylecli.encoder.registry import get_spec
from stylecli.job import Job
from stylecli.settings import Compute, Settings


@pytest.fixture
def group(jobs: list[Job]) -> Group:
    return located(Group((4, 5), tuple(jobs[:2])))


@pytest.fixture(autouse=True)
def scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> ClusterWorker:
    """It copies the content instead of painting, and fails where the output is named 1."""

    def work(session: Any, group: Group, *, on_fraction: Any) -> list[Outcome]:
        outcomes = []
        for job in group.jobs:
            job.output.parent.mkdir(parents=True)
            job.output.write_bytes(job.content.read_bytes())
            if job.output.stem == "1":
                error = f"cannot write {job.output} of {job.content}."
                outcomes.append(Outcome.of(job, "failed", code=5, error=error))
            else:
                memory = str(job.compute.max_memory)
                outcomes.append(Outcome.of(job, "done", notes=(f"{job.content}: {memory}",)))
        return outcomes

    monkeypatch.setattr("stylecli.batch.cluster_worker.work", work)
    return ClusterWorker(1, 0.0)


def stamps(group: Group) -> list[InputFile]:
    return files_of(group.jobs)


def test_an_equal_file_is_seen_and_no_other(group: Group) -> None:
    file = stamps(group)[0]
    assert file.path == str(group.jobs[0].content) and file.is_here
    assert not replace(file, size=file.size + 1).is_here
    assert not replace(file, modified=file.modified - 1).is_here
    assert not replace(file, path=file.path + "x").is_here
    assert describe_machine(as_plain(stamps(group)))["missing"] == []
    os.utime(file.path, (0, 0))
    assert describe_machine(as_plain([file]))["missing"] == as_plain([file])


def test_every_file_is_stamped_once(group: Group, tmp_path: Path) -> None:
    for name in ("i.png", "e.safetensors", "m.png"):
        (tmp_path / name).touch()
    settings = Settings(init=str(tmp_path / "i.png"), encoder=str(tmp_path / "e.safetensors"))
    other = replace(group.jobs[0], settings=settings, mask=tmp_path / "m.png")
    gone = replace(group.jobs[0], content=tmp_path / "gone.png")
    names = [Path(file.path).name for file in files_of([*group.jobs, other, gone])]
    assert names == ["content.png", "style.png", "i.png", "m.png", "e.safetensors"]


def test_what_is_not_seen_is_asked_for(group: Group, worker: ClusterWorker) -> None:
    unseen = replace(stamps(group)[0], size=1)
    reply = worker.work(group, [(unseen, None)], 1, lambda content: b"")
    assert reply.missing == (unseen,) and reply.made == []


def test_sent_files_are_made_elsewhere_by_their_own_names(
    group: Group, worker: ClusterWorker, scratch_folder: Path
) -> None:
    contents = {file: Path(file.path).read_bytes() for file in stamps(group)}
    for file in contents:
        Path(file.path).unlink()
    fetched: list[InputFile] = []

    def fetch(content: InputFile) -> bytes:
        fetched.append(content)
        return contents[content]

    jobs = tuple(replace(job, compute=Compute(max_memory="700M")) for job in group.jobs)
    files = [(file, file) for file in contents]
    for _ in range(2):  # the second time they are here
        done, failed = worker.work(replace(group, jobs=jobs), files, 2, fetch).made
    assert fetched == list(contents)
    assert done.picture == contents[stamps_by_name(contents, "content.png")]
    content, output = group.jobs[1].content, group.jobs[1].output
    assert done.outcome.notes == (f"{content}: {350 * 2**20}",)  # shared by two
    assert failed == Made(
        replace(failed.outcome, error=f"cannot write {output} of {content}."), None
    )
    assert not any(job.output.exists() for job in group.jobs)
    worker.scratch.keep_only([])
    assert not list(worker.scratch.folder.iterdir())
    worker.scratch.close()
    assert not list(scratch_folder.iterdir())


def stamps_by_name(contents: Iterable[InputFile], name: str) -> InputFile:
    return next(file for file in contents if Path(file.path).name == name)


def test_folders_of_killed_workers_are_removed(
    scratch_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Scratch()
    for name in ("stylecli-ray-999999999-ab", "stylecli-ray-1x-ab", "other"):
        (scratch_folder / name).mkdir()
    monkeypatch.setattr(transport, "process_is_alive", lambda number: number == os.getpid())
    Scratch().close()
    names = {path.name for path in scratch_folder.iterdir()}
    assert names == {kept.folder.name, "stylecli-ray-1x-ab", "other"}


def test_published_weights_go_to_the_machines_own_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jobs: list[Job]
) -> None:
    spec = get_spec("torchvision-vgg16")
    data = b"weights"
    monkeypatch.setattr("stylecli.encoder.cache.hub_folder", lambda: tmp_path / "driver")
    small = replace(spec, size=len(data))
    for module in ("stylecli.batch.transport", "stylecli.encoder.cache"):
        monkeypatch.setattr(f"{module}.get_spec", lambda name: small)
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver" / spec.file_name).write_bytes(data)
    job = replace(jobs[0], settings=Settings(encoder=spec.name))
    file = files_of([job])[-1]
    assert (file.encoder, file.is_here) == (spec.name, True)
    monkeypatch.setattr("stylecli.encoder.cache.hub_folder", lambda: tmp_path / "machine")
    assert not file.is_here
    scratch = Scratch()
    for _ in range(2):  # fetched once, by whichever worker is first
        fetch = [lambda: data, lambda: pytest.fail("it is here")][file.is_here]
        assert scratch.place(file, fetch) == tmp_path / "machine" / spec.file_name
    scratch.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no lock on a folder")
def test_workers_that_begin_at_once_write_weights_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = replace(get_spec("torchvision-vgg16"), size=7)
    monkeypatch.setattr("stylecli.encoder.cache.hub_folder", lambda: tmp_path / "machine")
    monkeypatch.setattr("stylecli.batch.transport.get_spec", lambda name: spec)
    file = InputFile("vgg16.pth", encoder=spec.name)
    fetched: list[int] = []
    second = threading.Event()

    def fetch() -> bytes:
        fetched.append(1)
        if len(fetched) > 1:
            second.set()
        second.wait(0.5)  # time for another to come, too
        return b"weights"

    scratches = [Scratch(), Scratch()]
    with ThreadPoolExecutor() as pool:
        places = list(pool.map(lambda scratch: scratch.place(file, fetch), scratches))
    assert len(fetched) == 1 and set(places) == {tmp_path / "machine" / spec.file_name}
    assert [path.name for path in places[0].parent.iterdir()] == [spec.file_name]
    assert places[0].read_bytes() == b"weights"
    for scratch in scratches:
        scratch.close()


def test_weights_are_sent_to_machines_that_lack_them(group: Group) -> None:
    """The other files of such a machine may be shared all the same."""
    said: list[str] = []
    driver = RayDriver.__new__(RayDriver)  # without Ray
    driver.lacking, driver.told, driver.send = set(), set(), lambda _, text: said.append(text)
    first, second, other = (
        ActorHandle(None, None, Machine(node, node.upper(), {})) for node in ("a", "a", "b")
    )
    weights, content = InputFile("vgg16.pth", encoder="torchvision-vgg16"), stamps(group)[0]
    for handle in (first, second):
        driver._note_missing(handle, [weights])
        assert not driver._sees(handle, weights) and driver._sees(handle, content)
    assert driver._sees(other, weights)
    driver._note_missing(other, [content])
    assert not driver._sees(other, content) and driver._sees(other, weights)
    assert said == [
        "Note: The machine A lacks the weights of torchvision-vgg16: they are sent to it.",
        "Note: The machine B does not see the input files: they are sent through Ray.",
    ]


def test_a_picture_is_done_once_it_is_in_place(jobs: list[Job], tmp_path: Path) -> None:
    made = Made(Outcome.of(jobs[0], "done", seconds=2.0), b"picture")
    assert delivered(jobs[0], made) == made.outcome
    assert jobs[0].output.read_bytes() == b"picture"
    other = made._replace(picture=b"other")
    refused = delivered(jobs[0], other)
    assert (refused.status, refused.code) == ("failed", 5)
    assert jobs[0].output.read_bytes() == b"picture"
    failed = Made(Outcome.of(jobs[1], "failed", code=7))
    assert delivered(jobs[1], failed) == failed.outcome
