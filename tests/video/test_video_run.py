"""Whole runs of small clips with the bundled encoder."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylecli import Settings, stylize, stylize_video
from stylecli.cli.app import main
from stylecli.errors import InputError, OutputError
from stylecli.images.embedded_text import read_recipe
from stylecli.images.formats import OutputOptions
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture
from stylecli.provenance.recipe import parse_recipe
from stylecli.settings import Compute
from stylecli.video.container_clip import ContainerClip
from stylecli.video.encoding import Encoding
from stylecli.video.frame_recipe import FramePlace
from stylecli.video.frame_store import FrameStore
from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_run import run_video

pytestmark = pytest.mark.usefixtures("one_thread", "av", "cv2")
FP32 = Compute(device="cpu", precision="fp32")


@pytest.fixture
def job(write_clip: Any, moving: Any, style_path: Path, tmp_path: Path) -> VideoJob:
    """Four frames that move, one that stands still, and two after a cut."""
    after = [np.ascontiguousarray(255 - frame[::-1]) for frame in moving[:2]]
    clip = write_clip([*moving, moving[-1], *after], sound=True)
    return VideoJob(
        clip=clip,
        styles=(style_path,),
        output=tmp_path / "out" / "painted.mkv",
        settings=Settings(iterations=4),
        compute=FP32,
        encoding=Encoding("ffv1"),  # x264 gives now and then other bits for the same frames
        keep_frames=True,
    )


def run(job: VideoJob, **more: Any) -> Any:
    return run_video(job, on_message=lambda _: None, on_share=lambda *_: None, **more)


def frames(job: VideoJob) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(job.store_folder.glob("frame-*"))}


def test_a_clip_is_made_stopped_and_resumed_to_the_same_bytes(
    job: VideoJob, moving: Any, tmp_path: Path, style: torch.Tensor
) -> None:
    result = run(job)
    assert (result.frames, result.shots, result.size) == (7, 2, (48, 64))
    whole, clip = frames(job), job.output.read_bytes()
    made = list(ContainerClip(job.output).frames())
    assert [frame.pts for frame in made] == [40 * n for n in range(7)]
    assert ContainerClip(job.output).format.audio == ("aac",)

    # The first frame of a shot is the still picture of the same seed.
    still = tmp_path / "still.png"
    content = torch.from_numpy(moving[0]).permute(2, 0, 1)
    picture = read_picture(job.styles[0]).pixels
    image = stylize(content, picture, iterations=4, device="cpu", precision="fp32").image
    write_picture(still, image, options=OutputOptions(bits=16))
    first = read_picture(job.store_folder / "frame-000000.png").pixels
    assert torch.equal(first, read_picture(still).pixels)
    # A frame that is the one before is made once.
    same = [read_picture(job.store_folder / f"frame-00000{n}.png").pixels for n in (3, 4)]
    assert torch.equal(*same)

    # What a killed run leaves, with a frame of another recipe among it.
    job.output.unlink()
    for name in ("frame-000002.png", "frame-000006.png"):
        (job.store_folder / name).unlink()
    store = FrameStore(job.store_folder)
    other = parse_recipe(read_recipe(job.store_folder / "frame-000004.png") or "")
    place = FramePlace("of another recipe", 4, (0, 4, 1), 1, 0.5)
    store.write(job.store_folder / "frame-000004.png", same[0], other, place)
    run(job)
    assert frames(job) == whole and job.output.read_bytes() == clip

    # One frame made again from the recipe in its file.
    again = tmp_path / "again.png"
    assert main(["replay", str(job.store_folder / "frame-000002.png"), "-o", str(again)]) == 4
    inputs = [word for path in (job.clip, *job.styles) for word in ("--input", str(path))]
    for name in ("frame-000002.png", "frame-000006.png"):
        words = [str(job.store_folder / name), "-o", str(again), *inputs, "--force", "-q"]
        assert main(["replay", *words]) == 0
        assert again.read_bytes() == whole[name]

    # Shots shared among processes, into a folder that is removed at the end.
    FrameStore(job.store_folder).remove()
    run(replace(job, keep_frames=False, existing="overwrite"), workers=2)
    assert job.output.read_bytes() == clip
    assert not job.store_folder.exists()


def test_temporal_0_makes_each_frame_alone_and_every_and_from_choose(
    job: VideoJob, tmp_path: Path
) -> None:
    alone = replace(job, sequencing=Sequencing(temporal=0.0, every=2, start=0.03, end=0.2))
    result = run(alone)
    assert (result.frames, result.shots) == (2, 1)  # frames 1 and 3
    made = list(ContainerClip(job.output).frames())
    assert [(frame.pts, frame.duration) for frame in made] == [(0, 80), (80, 80)]
    later = replace(
        alone, output=tmp_path / "later.mkv", sequencing=Sequencing(temporal=0.0, start=0.11)
    )
    run(later)
    names = ("frame-000003.png", "frame-000003.png")
    pictures = [
        read_picture(one.store_folder / name).pixels
        for one, name in zip((alone, later), names, strict=True)
    ]
    assert torch.equal(*pictures)


def test_two_passes_and_pictures_in_and_out(job: VideoJob, moving: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, pixels in enumerate(moving[:3]):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    job = replace(job, clip=folder, output=tmp_path / "out", sequencing=Sequencing(passes=2))
    assert run(job).frames == 3
    names = [f"frame-00000{n}{part}.png" for n in range(3) for part in ("", ".pass1")]
    assert sorted(frames(job)) == sorted(names)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["000000.png", "000001.png", "000002.png"]
    last = [
        read_picture(job.store_folder / f"frame-000002{part}.png").pixels for part in ("", ".pass1")
    ]
    assert torch.equal(*last)
    with pytest.raises(OutputError, match="exists already"):
        run(job)


def test_masks_are_a_clip_or_one_picture(job: VideoJob, moving: Any, tmp_path: Path) -> None:
    """Black first, then half, then white: what was not painted before does not hold a frame."""
    (masks := tmp_path / "masks").mkdir()
    levels = ((0, 0), (255, 0), *[(255, 255)] * 5)
    for number, (left, right) in enumerate(levels):
        mask = np.full((48, 64), right, np.uint8)
        mask[:, :32] = left
        Image.fromarray(mask).save(masks / f"{number}.png")
    chosen = Sequencing(end=0.11)  # three frames
    job = replace(job, mask=masks / "%d.png", sequencing=chosen, settings=Settings(iterations=12))
    run(job)
    changes = []
    for number in range(3):
        made = read_picture(job.store_folder / f"frame-00000{number}.png").pixels
        content = torch.from_numpy(moving[number]).permute(2, 0, 1) / 255
        change = (made - content).abs().mean(0)
        changes.append((float(change[:, :30].mean()), float(change[:, 34:].mean())))
    assert max(*changes[0], changes[1][1]) < 1e-4
    assert changes[1][0] > 0.05 and min(changes[2]) > 0.5 * changes[1][0]

    picture = replace(job, mask=masks / "1.png", output=tmp_path / "one.mkv")
    run(picture)
    files = [one.store_folder / "frame-000002.png" for one in (picture, job)]
    halves = [read_picture(path).pixels[:, :, 34:] for path in files]
    assert not torch.equal(*halves)

    (masks / "6.png").rename(masks / "mask.png")
    with pytest.raises(InputError, match="ends after 6 frames"):
        run(replace(job, existing="overwrite"))
    (masks / "mask.png").rename(masks / "6.png")
    Image.fromarray(moving[0] // 128 * 255).save(masks / "2.png")
    with pytest.raises(InputError, match="colors in frame 2"):
        run(replace(job, existing="overwrite"))


def test_a_following_frame_is_nearer_to_the_one_before_than_one_made_alone(
    job: VideoJob, tmp_path: Path
) -> None:
    """Two pixels of motion: the step between frames, moved back, against that of temporal 0."""

    def step(job: VideoJob) -> float:
        run(job)
        a, b = (read_picture(job.store_folder / f"frame-00000{n}.png").pixels for n in (0, 1))
        return float((b[:, 4:-4, 4:-8] - a[:, 4:-4, 6:-6]).square().mean())

    sequencing = Sequencing(end=0.06)
    settings = Settings(iterations=15)
    following = replace(job, sequencing=sequencing, settings=settings)
    alone = replace(
        following,
        output=tmp_path / "alone.mkv",
        sequencing=replace(sequencing, temporal=0.0),
        settings=replace(settings, seed=0),
    )
    assert step(following) < 0.3 * step(alone)


def test_a_store_keeps_off_what_is_no_frame(job: VideoJob) -> None:
    job.store_folder.mkdir(parents=True)
    (job.store_folder / "holiday.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"holiday\.png"):
        run(job)
    (job.store_folder / "holiday.png").rename(job.store_folder / "frame-000000.png")
    with pytest.raises(OutputError, match="no frame of this program"):
        run(job)
    assert (job.store_folder / "frame-000000.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sequencing": Sequencing(start=5.0)}, InputError, "no frame is between"),
        ({"styles": (Path("absent.png"),)}, InputError, "no such file"),
        ({"output": Path("out.gif")}, OutputError, "use one of"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    job: VideoJob, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(replace(job, **change))
    assert not job.store_folder.exists()


def test_an_aspect_that_is_lost_is_told(job: VideoJob, write_clip: Any, moving: Any) -> None:
    clip = write_clip(moving[:1], name="wide.mp4", aspect=Fraction(128, 117), codec="libx264")
    (note,) = run(replace(job, clip=clip, settings=Settings(iterations=1))).notes
    assert "(128:117)" in note and "ffv1" in note


def test_the_library_makes_clips_by_one_call(job: VideoJob, tmp_path: Path) -> None:
    shares: list[float] = []
    result = stylize_video(
        str(job.clip),
        str(job.styles[0]),
        tmp_path / "library.mkv",
        sequencing=Sequencing(end=0.06),
        encoding=job.encoding,
        device="cpu",
        precision="fp32",
        keep_frames=True,
        on_progress=lambda share, words: shares.append(share),
        iterations=4,
    )
    assert (result.frames, shares[-1]) == (2, 1.0) and shares == sorted(shares)
    run(replace(job, sequencing=Sequencing(end=0.06)))
    by_call = tmp_path / "library.mkv.video" / "frame-000001.png"
    assert by_call.read_bytes() == (job.store_folder / by_call.name).read_bytes()


def test_the_clip_itself_is_not_replaced(job: VideoJob) -> None:
    with pytest.raises(OutputError, match="also an input"):
        run(replace(job, output=job.clip, existing="overwrite"))
