"""Clips in containers (MP4, Matroska, ...), decoded by PyAV. No torch."""

import contextlib
import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from stylecli.errors import InputError
from stylecli.images.input_bytes import open_input
from stylecli.messages import escaped
from stylecli.video.clip import ClipFormat, ClipFrame, Pixels
from stylecli.video.extras import import_av

# Demuxers that read one local file and nothing else: no playlist, no device, no address.
DEMUXERS: Final = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,ogg,gif,apng"
MAX_PIXELS: Final = 2**25 + 2**23  # of a frame: an 8K one is smaller
MAX_FRAMES: Final = 500_000  # more than five hours
MAX_STREAMS: Final = 64
_PQ, _HLG = 16, 18  # transfer functions of HDR (ITU-T H.273, table 3)
_BT601, _BT709 = 5, 1  # matrices, as swscale names them
# Matrix coefficients (H.273, table 4) by swscale's names; others, and none, go by the height.
_MATRICES: Final = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_HD: Final = 720  # rows from which an untagged clip is taken for BT.709


class ContainerClip:
    """A clip in a container; its demuxer is one of a list, and only the file itself is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = (path,)

    @functools.cached_property
    def format(self) -> ClipFormat:
        """Size, times and sound, from the header and the first frame. Raises `InputError`."""
        with self._opened() as (container, stream):
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise InputError(f"cannot read {escaped(self.path)}: it has no frames.")
            height, width = first.height, first.width
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            if first.rotation % 180:
                height, width, aspect = width, height, 1 / aspect
            rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
            audio = tuple(one.codec_context.name for one in container.streams.audio)
            return ClipFormat((height, width), Fraction(stream.time_base), rate, aspect, audio)

    def frames(self) -> Iterator[ClipFrame]:
        """All frames, turned upright, in sRGB's range of values. Raises `InputError`."""
        shape: tuple[int, ...] | None = None
        pts = -1
        with self._opened() as (container, stream):
            usual = max(1, round(1 / (stream.time_base * Fraction(stream.average_rate or 25))))
            for number, frame in enumerate(self._decoded(container, stream)):
                if number >= MAX_FRAMES:
                    raise self._refused(f"it has more than {MAX_FRAMES} frames: cut it first")
                pixels = _pixels(frame)
                if shape not in (None, pixels.shape):
                    raise self._refused(f"frame {number} has another size: cut it there first")
                shape = pixels.shape
                pts = frame.pts if frame.pts is not None and frame.pts > pts else pts + usual
                yield ClipFrame(number, pixels, pts, frame.duration or usual)

    def audio_packets(self) -> Iterator[tuple[Any, Any]]:
        """Sound packets as they are, each with its stream, in the order of the file."""
        with self._opened() as (container, _):
            for packet in container.demux(*container.streams.audio):
                if packet.dts is not None:  # else it only says that the stream has ended
                    yield packet.stream, packet

    @contextlib.contextmanager
    def opened_audio(self) -> Iterator[tuple[Any, ...]]:
        """The sound streams, open as long as they are templates of others."""
        with self._opened() as (container, _):
            yield tuple(container.streams.audio)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        av = import_av()
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        with open_input(self.path) as file:
            try:
                with av.open(file, options=options, metadata_errors="replace") as container:
                    yield container, self._video_stream(av, container)
            except av.FFmpegError as error:
                raise self._refused(f"it is no clip, or damaged ({error.strerror})") from error

    def _video_stream(self, av: Any, container: Any) -> Any:
        if len(container.streams) > MAX_STREAMS:
            raise self._refused(f"it has more than {MAX_STREAMS} streams")
        cover = av.stream.Disposition.attached_pic
        videos = [one for one in container.streams.video if not one.disposition & cover]
        if not videos:
            raise self._refused("it has no video stream")
        (stream, *_) = videos
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            raise self._refused(f"its frames have more than {MAX_PIXELS} pixels")
        # libavcodec looks at this before it takes memory for a frame; frames decoded in parallel
        # would each take as much.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "SLICE"
        return stream

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        for frame in container.decode(stream):
            if frame.width * frame.height > MAX_PIXELS:
                raise self._refused(f"its frames have more than {MAX_PIXELS} pixels")
            if {int(frame.color_trc), int(stream.codec_context.color_trc)} & {_PQ, _HLG}:
                raise self._refused("it is HDR (PQ or HLG): tone-map it to SDR first")
            yield frame

    def _refused(self, why: str) -> InputError:
        return InputError(f"cannot read {escaped(self.path)}: {why}.")


def _pixels(frame: Any) -> Pixels:
    """RGB (H, W, 3) of a decoded frame, 16 bits a channel where it has more than 8."""
    deep = max(component.bits for component in frame.format.components) > 8
    untagged = _BT709 if frame.height >= _HD else _BT601
    matrix = _MATRICES.get(int(frame.colorspace), untagged)
    rgb = frame.to_ndarray(format="rgb48le" if deep else "rgb24", src_colorspace=matrix)
    turned: Pixels = np.rot90(rgb, frame.rotation // 90)  # both count counter-clockwise
    return np.ascontiguousarray(turned)
