"""`stylize video` and `compare --video`: options to a job, and what is refused without the work."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_run import VideoResult


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[VideoJob]:
    """The jobs that are run; none is."""
    run: list[VideoJob] = []

    def run_video(job: VideoJob, **_: Any) -> VideoResult:
        run.append(job)
        return VideoResult(job.output, 3, 1, (36, 64), 1.5, ("It is odd.",))

    monkeypatch.setattr("stylecli.video.video_run.run_video", run_video)
    return run


def test_options_become_a_job(stylize: Callable[..., Any], jobs: list[VideoJob]) -> None:
    words = (
        "--temporal 0.7 --cuts off --passes 2 --every 3 --from 1.5 --to 2 --codec ffv1 --size 64"
    )
    ended = stylize("video", "a.mp4", "b.jpg", "-o", "c.mkv", *words.split(), "--no-audio", "-f")
    assert ended.code == 0 and "Wrote c.mkv (3 frames of 64x36" in ended.err
    assert "It is odd." in ended.err
    (job,) = jobs
    assert job.sequencing == Sequencing(
        temporal=0.7, cuts="off", passes=2, every=3, start=1.5, end=2.0
    )
    assert (job.encoding.codec, job.encoding.audio, job.keep_frames) == ("ffv1", False, False)
    assert (job.settings.size, job.existing) == (64, "overwrite")
    assert job.store_folder == Path("c.mkv.video")


def test_without_options_it_is_the_default_job(
    stylize: Callable[..., Any], jobs: list[VideoJob]
) -> None:
    assert stylize("video", "a.mp4", "b.jpg", "-o", "c.mp4", "--json").out.startswith("{")
    assert jobs[0].sequencing == Sequencing() and jobs[0].existing == "refuse"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--to", "1", "--from", "2"), "ends before it begins"),
        (("--losses", "gatys"), "--temporal 0"),
        (("--codec", "ffv1", "--crf", "60"), "crf"),
        (("--style-weights", "1,2"), "style_weights"),
    ],
)
def test_what_makes_no_sense_is_refused(
    stylize: Callable[..., Any], jobs: list[VideoJob], words: tuple[str, ...], sentence: str
) -> None:
    ended = stylize("video", "a.mp4", "b.jpg", "-o", "c.mkv", *words)
    assert ended.code == 2 and sentence in ended.err and not jobs


def test_without_the_extra_one_sentence_names_the_packages(
    stylize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    ended = stylize("video", "a.mp4", "b.jpg", "-o", "c.mp4")
    assert ended.code == 2
    assert 'pip install "av>=14,<20" "opencv-python-headless>=4.10,<6".' in ended.err


@pytest.mark.parametrize("words", [("--video",), ("--style", "s.png")])
def test_a_clip_is_not_compared_without_its_style(
    stylize: Callable[..., Any], words: tuple[str, ...]
) -> None:
    ended = stylize("compare", "a.mp4", "b.mp4", *words)
    assert ended.code == 2 and "go together" in ended.err
