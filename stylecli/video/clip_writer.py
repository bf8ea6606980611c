"""Writing clips: frames encoded by PyAV with their times, sound copied as it is. No torch."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from stylecli.errors import OutputError
from stylecli.messages import escaped
from stylecli.video.clip import ClipFormat, Pixels
from stylecli.video.container_clip import ContainerClip
from stylecli.video.encoding import CONTAINERS, CRF, ENCODERS, Encoding
from stylecli.video.extras import import_av

_BT709, _LIMITED, _FULL = 1, 1, 2  # matrix, primaries and transfer; ranges (ITU-T H.273)

Timed = tuple[Pixels, int, int]  # a frame with its pts and duration


def check_container(path: Path, encoding: Encoding, clip: ClipFormat, size: Any) -> None:
    """Raise `OutputError` for a suffix, codec, sound or size that do not go together."""
    name = escaped(path)
    if path.suffix.lower() not in CONTAINERS:
        raise OutputError(
            f"cannot write {name}: use one of {', '.join(CONTAINERS)}, a folder, or a pattern "
            "such as out/%04d.png."
        )
    kind = CONTAINERS[path.suffix.lower()]
    if encoding.codec == "ffv1" and kind != "matroska":
        raise OutputError(f"cannot write {name}: --codec ffv1 needs a name that ends in .mkv.")
    if encoding.codec == "av1" and (size[0] % 2 or size[1] % 2 or min(size) < 64):
        raise OutputError(
            f"cannot write {name}: --codec av1 needs even sides of at least 64 pixels, and the "
            f"result has {size[1]}x{size[0]}: choose another --size, or h264."
        )
    with import_av().open("/dev/null", "w", format=kind) as container:
        lost = set(clip.audio) - set(container.supported_codecs) if encoding.audio else set()
    if lost:
        raise OutputError(
            f"cannot write {name}: it cannot hold sound in {', '.join(sorted(lost))}: use .mkv or "
            "--no-audio."
        )


def encode_clip(
    path: Path,
    frames: Iterable[Timed],
    clip: ClipFormat,
    encoding: Encoding,
    sound: ContainerClip | None = None,
    window: tuple[Fraction, Fraction] | None = None,
) -> None:
    """Encode frames of one size to a file, with the sound of a clip where there is any.

    Times are kept to the tick; with a `window` (seconds of the source) sound outside is left out
    and all begins at 0. Location and other metadata are not kept. Raises `OutputError`.
    """
    av = import_av()
    kind = CONTAINERS[path.suffix.lower()]
    options = {"fflags": "+bitexact"}  # no time and no random numbers: the same bytes again
    if kind != "matroska":
        options["movflags"] = "+faststart"  # plays before all of it has arrived
    try:
        with av.open(str(path), "w", format=kind, options=options) as container:
            _encode(av, container, iter(frames), clip, encoding, sound, window)
    except (av.FFmpegError, OSError) as error:
        raise OutputError(f"cannot write {escaped(path)}: the encoder failed ({error}).") from error


def _encode(
    av: Any,
    container: Any,
    frames: Iterator[Timed],
    clip: ClipFormat,
    encoding: Encoding,
    sound: ContainerClip | None,
    window: tuple[Fraction, Fraction] | None,
) -> None:
    first = next(frames)
    stream = _video_stream(av, container, first[0].shape, clip, encoding)
    start = Fraction(0) if window is None else window[0]
    shift = 0 if window is None else first[1]
    packets: Iterator[Any] = iter(())
    if sound is not None and encoding.audio and clip.audio:
        packets = _sound(container, sound, window)
    waiting = next(packets, None)
    for pixels, pts, duration in _chained(first, frames):
        now = pts * clip.time_base - (start if window is not None else 0)
        while waiting is not None and waiting.dts * waiting.time_base <= now:
            container.mux(waiting)
            waiting = next(packets, None)
        frame = _video_frame(av, pixels, stream.pix_fmt)
        frame.pts, frame.time_base, frame.duration = pts - shift, clip.time_base, duration
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    while waiting is not None:
        container.mux(waiting)
        waiting = next(packets, None)


def _chained(first: Timed, rest: Iterator[Timed]) -> Iterator[Timed]:
    yield first
    yield from rest


def _video_stream(
    av: Any, container: Any, shape: tuple[int, ...], clip: ClipFormat, encoding: Encoding
) -> Any:
    height, width = shape[:2]
    stream = container.add_stream(ENCODERS[encoding.codec], rate=clip.rate)
    stream.width, stream.height = width, height
    stream.pix_fmt = "bgr0" if encoding.codec == "ffv1" else "yuv420p"
    if encoding.codec == "h264" and (width % 2 or height % 2):
        stream.pix_fmt = "yuv444p"  # 4:2:0 has no odd sides, and the size is kept to the pixel
    context = stream.codec_context
    context.time_base = clip.time_base
    context.sample_aspect_ratio = clip.sample_aspect
    context.flags |= int(av.codec.context.Flags.frame_duration)
    if encoding.codec != "ffv1":
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        crf = CRF[encoding.codec] if encoding.crf is None else encoding.crf
        context.options = {"crf": str(crf)}
    return stream


def _video_frame(av: Any, pixels: Pixels, pix_fmt: str) -> Any:
    kind = "rgb48le" if pixels.dtype.itemsize == 2 else "rgb24"
    frame = av.VideoFrame.from_ndarray(pixels, format=kind)
    if pix_fmt == "bgr0":
        return frame.reformat(format=pix_fmt)
    return frame.reformat(
        format=pix_fmt, dst_colorspace=_BT709, src_color_range=_FULL, dst_color_range=_LIMITED
    )


def _sound(
    container: Any, clip: ContainerClip, window: tuple[Fraction, Fraction] | None
) -> Iterator[Any]:
    """Sound packets for the new container, within the window, from its beginning on."""
    with clip.opened_audio() as templates:
        streams = {one.index: container.add_stream_from_template(one) for one in templates}
    return _moved(clip, streams, window)


def _moved(
    clip: ContainerClip, streams: dict[int, Any], window: tuple[Fraction, Fraction] | None
) -> Iterator[Any]:
    for source, packet in clip.audio_packets():
        time = packet.dts * packet.time_base
        if window is not None:
            if not window[0] <= time < window[1]:
                continue
            shift = round(window[0] / packet.time_base)
            packet.dts, packet.pts = packet.dts - shift, packet.pts - shift
        packet.stream = streams[source.index]
        yield packet
