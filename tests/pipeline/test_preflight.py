"""What fails before torch is there."""

import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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
                check_job(job(output=tmp_path / name, existing="overwrite"))


def test_a_link_that_leads_nowhere(job: Any, tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(InputError, match="cannot read"):
        check_job(job(content=tmp_path / "loop.png"))
    (tmp_path / "gone.png").symlink_to(tmp_path / "content.png" / "below.png")
    for name in ("gone.png", "loop.png"):
        with pytest.raises(OutputError, match="a link that leads to no file"):
            check_job(job(output=tmp_path / name))


def test_a_link_that_is_the_input(job: Any, content_path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(content_path)
    with pytest.raises(OutputError, match="also an input"):
        check_job(job(content=tmp_path / "link.png", output=content_path, existing="overwrite"))
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
    for existing in ("refuse", "overwrite"):
        with pytest.raises(OutputError, match="cannot write"):
            check_job(job(output=tmp_path / name, existing=existing))


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


def test_a_picture_too_long_for_its_format(job: Any, tmp_path: Path) -> None:
    Image.new("L", (16384, 1)).save(long := tmp_path / "long.png")
    for changes in ({"content": long}, {"settings": Settings(size=16384)}):
        with pytest.raises(OutputError, match="WEBP holds at most 16383 pixels a side"):
            check_job(job(output=tmp_path / "o.webp", **changes))
        check_job(job(output=tmp_path / "o.png", **changes))


def test_what_is_written_beside_the_picture(job: Any, content_path: Path, tmp_path: Path) -> None:
    made = job(settings=Settings(init=str(tmp_path / "o.png.preview.jpg")))
    (tmp_path / "o.png.preview.jpg").write_bytes(content_path.read_bytes())
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").touch()
    (tmp_path / "s.toml").touch()
    forced = replace(made, existing="overwrite", sources=(tmp_path / "s.toml",))
    for path in (made.init_path, tmp_path / "s.toml", tmp_path / "O.PNG"):
        with pytest.raises(OutputError, match="also an input|written twice"):
            check_job(forced, beside=[path])
    with pytest.raises(OutputError, match="exists already"):
        check_job(made, folder=tmp_path / "used")
    check_job(forced, beside=[tmp_path / "new.csv"], folder=tmp_path / "used")
