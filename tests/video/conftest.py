"""Small clips, made here; the tests of containers and flow are skipped without the extra."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Frames = list[np.ndarray[Any, Any]]


@pytest.fixture
def av() -> Any:
    return pytest.importorskip("av")


@pytest.fixture
def cv2() -> Any:
    return pytest.importorskip("cv2")


def _texture(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """A smooth random picture (height, width, 3), uint8."""
    generator = np.random.default_rng(seed)
    small = generator.uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    y, x = np.arange(height) / 8, np.arange(width) / 8
    rows, columns = y.astype(int), x.astype(int)
    fy, fx = (y - rows)[:, None, None], (x - columns)[None, :, None]
    top = small[rows][:, columns] * (1 - fx) + small[rows][:, columns + 1] * fx
    bottom = small[rows + 1][:, columns] * (1 - fx) + small[rows + 1][:, columns + 1] * fx
    whole: np.ndarray[Any, Any] = (top * (1 - fy) + bottom * fy).round().astype(np.uint8)
    return whole


@pytest.fixture
def texture() -> Callable[..., np.ndarray[Any, Any]]:
    """A smooth random picture (height, width, 3), uint8."""
    return _texture


@pytest.fixture
def moving() -> Frames:
    """Four frames of 64x48: a textured ground that moves two pixels a frame to the left."""
    ground = _texture(48, 80)
    return [np.ascontiguousarray(ground[:, 2 * n : 2 * n + 64]) for n in range(4)]


@pytest.fixture
def write_clip(av: Any, tmp_path: Path) -> Callable[..., Path]:
    """Writes frames losslessly (FFV1) with their times, and a tone where `sound` is set."""

    def write(
        frames: Frames,
        times: list[int] | None = None,
        *,
        name: str = "clip.mkv",
        sound: bool = False,
        trc: int | None = None,
        rotation: int = 0,
        aspect: Fraction = Fraction(1),
        codec: str = "ffv1",
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.codec_context.sample_aspect_ratio = aspect
            if trc is not None:
                stream.codec_context.color_trc = trc
            if rotation:
                stream.set_display_rotation(rotation)
            tone = container.add_stream("aac", rate=48000) if sound else None
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame = frame.reformat(format=stream.pix_fmt)
                frame.pts = number * 40 if times is None else times[number]
                frame.time_base = Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if tone is not None:
                wave = np.sin(np.arange(9600) / 20).astype(np.float32)[None] * 0.1
                samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                samples.sample_rate, samples.pts = 48000, 0
                container.mux(tone.encode(samples))
                container.mux(tone.encode(None))
        return path

    return write
