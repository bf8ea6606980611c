from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylecli.errors import InputError, OutputError
from stylecli.video import container_clip
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
    clip = write_clip(moving, name="large.mp4", codec="libx264")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container_clip, "MAX_PIXELS", 1000)
        with pytest.raises(InputError, match="more than 1000 pixels"):
            list(ContainerClip(clip).frames())
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


def test_tags_such_as_the_location_are_not_carried_over(
    write_clip: Any, moving: Any, tmp_path: Path, av: Any
) -> None:
    plain, tagged = write_clip(moving, codec="libx264", name="plain.mp4"), tmp_path / "tagged.mp4"
    with av.open(str(plain)) as source, av.open(str(tagged), "w") as container:
        container.metadata["location"] = "+48.5216+009.0576/"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with av.open(str(tagged)) as container:
        assert "+48.5216" in str(container.metadata)
    clip, out = ContainerClip(tagged), tmp_path / "out.mp4"
    frames = ((frame.pixels, frame.pts, frame.duration) for frame in clip.frames())
    encode_clip(out, frames, clip.format, Encoding(), clip)
    with av.open(str(out)) as container:
        assert "48.5216" not in str(container.metadata)
    assert b"loci" in tagged.read_bytes() and b"loci" not in out.read_bytes()


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_animated_pictures_are_clips(tmp_path: Path, av: Any, name: str) -> None:
    levels = (0, 80, 160)
    pictures = [Image.new("RGB", (32, 24), (level, 40, 200)) for level in levels]
    durations = [40, 100, 80]
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=durations)
    clip = ContainerClip(tmp_path / name)
    frames, base = list(clip.frames()), clip.format.time_base
    assert [frame.pixels[5, 5].tolist() for frame in frames] == [[n, 40, 200] for n in levels]
    assert [frame.duration * base * 1000 for frame in frames] == durations
