"""What fails before torch is there."""

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from stylecli.errors import InputError, OutputError, UsageError
from stylecli.images.discovery import STREAM
from stylecli.job import Job
from stylecli.pipeline.preflight import check_job
from stylecli.settings import Settings


@pytest.fixture
def job(content_path: Path, style_path: Path, tmp_path: Path) -> Any:
    def make(**changes: Any) -> Job:
        given = {"content": content_path, "styles": (style_path,), "output": tmp_path / "o.png"}
        return Job(**{**given, **changes})

    return make


def test_what_is_fine(job: Any, tmp_path: Path) -> None:
    check_job(job())
    check_job(job(content=STREAM, output=STREAM))
    check_job(job(output=tmp_path / "new" / "er" / "o.tiff"))
    check_job(job(settings=Settings(encoder=str(tmp_path / "mine.pth"))))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["a\0.png", "n" * 300 + ".png"])
def test_names_no_file_can_have(job: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        check_job(job(content=tmp_path / name))
    with pytest.raises(OutputError, match="cannot write"):
        check_job(job(output=tmp_path / name))


def test_an_output_that_is_no_file(job: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "s.png"))
        for name in ("pipe.png", "s.png"):
            with pytest.raises(OutputError, match="not a regular file"):
                check_job(job(output=tmp_path / name, force=True))


def test_a_link_that_leads_nowhere(job: Any, tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(InputError, match="cannot read"):
        check_job(job(content=tmp_path / "loop.png"))
    (tmp_path / "gone.png").symlink_to(tmp_path / "content.png" / "below.png")
    with pytest.raises(OutputError, match="not a folder"):
        check_job(job(output=tmp_path / "gone.png"))


def test_a_link_that_is_the_input(job: Any, content_path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(content_path)
    with pytest.raises(OutputError, match="also an input"):
        check_job(job(content=tmp_path / "link.png", output=content_path, force=True))
    with pytest.raises(OutputError, match="also an input"):
        check_job(job(settings=Settings(init=str(tmp_path / "link.png")), output=content_path))


def test_permissions(job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By fakes of the system's answers: root, as whom tests may run, may do anything."""

    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied", str(options["dir"]))

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", refuse)
        with pytest.raises(OutputError, match="is not writable .permission denied"):
            check_job(job(output=tmp_path / "new" / "o.png"))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    with pytest.raises(InputError, match="permission denied"):
        check_job(job())


def test_names_of_encoders_and_layers(job: Any) -> None:
    with pytest.raises(UsageError, match="unknown encoder 'vgg91'"):
        check_job(job(settings=Settings(encoder="vgg91")))
    with pytest.raises(UsageError, match="unknown layer 'relu5_4'"):
        check_job(job(settings=Settings(style_layers=(("relu5_4", 1.0),))))
    check_job(job(settings=Settings(encoder="vgg19", style_layers=(("relu5_4", 1.0),))))


@pytest.mark.parametrize("name", ["loop.png", "loop/out.png", "gone/out.png"])
def test_links_in_a_circle_are_refused(job: Any, tmp_path: Path, name: str) -> None:
    for loop in ("loop", "loop.png"):
        (tmp_path / loop).symlink_to(loop)
    (tmp_path / "gone").symlink_to("nowhere")
    for force in (False, True):
        with pytest.raises(OutputError, match="cannot write"):
            check_job(job(output=tmp_path / name, force=force))


def test_a_folder_is_refused_with_a_name_in_it(job: Any, tmp_path: Path) -> None:
    for name in ("out", "out.png"):
        (tmp_path / name).mkdir()
        with pytest.raises(
            OutputError, match="it is a folder; name a picture in it: .*picture.png"
        ):
            check_job(job(output=tmp_path / name))


@pytest.mark.parametrize("address", ["s3://b/q.png", "https://a.org/q.png", "gs:/b/q.png"])
def test_addresses_are_refused(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="this is an address; give a path"):
        check_job(job(output=Path(address)))
    with pytest.raises(InputError, match="this is an address; download it first"):
        check_job(job(content=Path(address)))
