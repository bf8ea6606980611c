from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecli.errors import InputError, OutputError
from stylecli.video.clip import ClipFormat
from stylecli.video.clip_writer import check_container, encode_clip
from stylecli.video.container_clip import ContainerClip
from stylecli.video.encoding import Encoding
from stylecli.video.numbered_names import numbered
from stylecli.video.picture_clip import PictureClip

TIMES = [0, 40, 100, 300]  # of a variable frame rate, in ms


def timed(clip: ContainerClip) -> Any:
    return ((frame.pixels, frame.pts, frame.duration) for frame in clip.frames())


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_times_sound_and_aspect_are_kept(
    write_clip: Any, moving: Any, tmp_path: Path, av: Any, name: str
) -> None:
    aspect = Fraction(128, 117)
    clip = ContainerClip(write_clip(moving, TIMES, sound=True, aspect=aspect, codec="libx264"))
    encode_clip(tmp_path / name, timed(clip), clip.format, Encoding(), clip)
    again = ContainerClip(tmp_path / name)
    base = again.format.time_base
    assert [frame.pts * base for frame in again.frames()] == [Fraction(t, 1000) for t in TIMES]
    assert again.format.sample_aspect == aspect
    sounds = [[bytes(packet) for _, packet in one.audio_packets()] for one in (clip, again)]
    assert sounds[0] == sounds[1] and sounds[0]
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        tags = [context.colorspace, context.color_primaries, context.color_trc]
        assert ([int(tag) for tag in tags], int(context.color_range)) == ([1, 1, 1], 1)


def test_lossless_is_lossless(write_clip: Any, moving: Any, tmp_path: Path) -> None:
    clip = ContainerClip(write_clip(moving))
    encode_clip(tmp_path / "same.mkv", timed(clip), clip.format, Encoding("ffv1"))
    again = ContainerClip(tmp_path / "same.mkv").frames()
    for before, after in zip(moving, again, strict=True):
        assert np.array_equal(before, after.pixels)


@pytest.mark.parametrize("height", [48, 720])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colors_are_those_of_the_frame(tmp_path: Path, av: Any, height: int, dtype: Any) -> None:
    color = np.array([200, 60, 30])
    scale = 257 if dtype is np.uint16 else 1
    pixels = np.broadcast_to(color * scale, (height, 64, 3)).astype(dtype)
    form = ClipFormat((height, 64), Fraction(1, 25), Fraction(25))
    encode_clip(tmp_path / "flat.mp4", iter([(pixels, 0, 1)]), form, Encoding(crf=4))
    (frame,) = ContainerClip(tmp_path / "flat.mp4").frames()
    assert np.abs(frame.pixels.astype(int) - color).max() <= 3


def test_odd_sides_are_kept_to_the_pixel(write_clip: Any, moving: Any, tmp_path: Path) -> None:
    clip = ContainerClip(write_clip([frame[:47, :63] for frame in moving]))
    encode_clip(tmp_path / "odd.mp4", timed(clip), clip.format, Encoding())
    assert ContainerClip(tmp_path / "odd.mp4").format.size == (47, 63)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, -1)])
def test_rotation_is_applied(write_clip: Any, moving: Any, degrees: int, turns: int) -> None:
    path = write_clip(moving, name="turned.mp4", rotation=degrees, codec="libx264")
    clip = ContainerClip(path)
    first = next(clip.frames()).pixels.astype(float)
    upright = np.rot90(moving[0], turns)
    assert clip.format.size == first.shape[:2] == upright.shape[:2]
    assert np.abs(first - upright).mean() < 12


def test_sound_of_a_window_begins_at_zero(write_clip: Any, moving: Any, tmp_path: Path) -> None:
    clip = ContainerClip(write_clip(moving, sound=True))
    frames = list(timed(clip))[1:3]
    window = (Fraction(40, 1000), Fraction(120, 1000))
    encode_clip(tmp_path / "cut.mkv", iter(frames), clip.format, Encoding(), clip, window)
    cut = ContainerClip(tmp_path / "cut.mkv")
    assert [frame.pts for frame in cut.frames()] == [0, 40]
    packets = [float(packet.pts * packet.time_base) for _, packet in cut.audio_packets()]
    assert packets and min(packets) < 0.03 and max(packets) < 0.08


def test_hdr_lists_and_damage_are_refused(
    write_clip: Any, moving: Any, tmp_path: Path, av: Any
) -> None:
    hdr = ContainerClip(write_clip(moving, name="pq.mkv", trc=16))
    with pytest.raises(InputError, match="HDR"):
        list(hdr.frames())
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nclip.mkv\n")
    with pytest.raises(InputError, match="no clip"):
        list(ContainerClip(playlist).frames())
    with pytest.raises(InputError, match="no such file"):
        list(ContainerClip(tmp_path / "absent.mp4").frames())


def test_what_no_container_holds_is_refused_before_the_work(
    write_clip: Any, moving: Any, tmp_path: Path
) -> None:
    clip = ContainerClip(write_clip(moving)).format
    for name, encoding, size in [
        ("out.gif", Encoding(), (48, 64)),
        ("out.mp4", Encoding("ffv1"), (48, 64)),
        ("out.mp4", Encoding("av1"), (65, 64)),
    ]:
        with pytest.raises(OutputError):
            check_container(tmp_path / name, encoding, clip, size)


def test_pictures_are_a_clip_in_the_order_of_their_numbers(moving: Any, tmp_path: Path) -> None:
    from PIL import Image

    pattern = tmp_path / "shot.%02d.png"
    for number, pixels in zip((9, 10, 100), moving, strict=False):
        Image.fromarray(pixels).save(numbered(pattern, number))
    for path in (pattern, tmp_path):
        clip = PictureClip(path, Fraction(24))
        frames = list(clip.frames())
        assert [file.name for file in clip.files] == ["shot.09.png", "shot.10.png", "shot.100.png"]
        assert all(np.array_equal(a.pixels, b) for a, b in zip(frames, moving, strict=False))
        assert [frame.pts * clip.format.time_base for frame in frames] == [
            Fraction(n, 24) for n in range(3)
        ]
