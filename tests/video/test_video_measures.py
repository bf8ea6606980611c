from typing import Any

import numpy as np
import pytest
import torch

from stylecli.errors import InputError
from stylecli.recognition.matching import open_metric
from stylecli.settings import Compute
from stylecli.video.container_clip import ContainerClip
from stylecli.video.video_measures import measure_clip

pytestmark = pytest.mark.usefixtures("one_thread", "av", "cv2")


def measured(result: ContainerClip, clip: ContainerClip, style: torch.Tensor) -> Any:
    metric, _ = open_metric("compact", Compute(device="cpu"))
    return measure_clip(result, clip, style, metric, lambda _: None)


def test_flicker_and_drift_are_measured_shot_by_shot(
    write_clip: Any, moving: Any, style: torch.Tensor
) -> None:
    frames = [*moving, *(frame // 6 for frame in moving[:2])]
    clip = ContainerClip(write_clip(frames, name="clip.mkv"))
    noise = np.random.default_rng(0)
    jitter = [
        np.clip(f + noise.integers(-40, 40, (*f.shape[:2], 1)), 0, 255).astype(np.uint8)
        for f in frames
    ]
    darker = [(f * (1.0 - 0.1 * (n % 4))).astype(np.uint8) for n, f in enumerate(frames)]
    shots = {
        name: measured(ContainerClip(write_clip(made, name=f"{name}.mkv")), clip, style)
        for name, made in (("same", frames), ("jitter", jitter), ("darker", darker))
    }
    assert [(shot.first, shot.last) for shot in shots["same"]] == [(0, 3), (4, 5)]
    same, jitter_shot, darker_shot = (shots[name][0] for name in ("same", "jitter", "darker"))
    assert same.ratio == pytest.approx(1.0)
    assert jitter_shot.warping_error > 10 * same.warping_error
    assert darker_shot.drift > 2 * darker_shot.warping_error  # a step is a third of the way
    assert 0.0 < same.style_distance < 2.0


def test_clips_of_unlike_lengths_are_refused(
    write_clip: Any, moving: Any, style: torch.Tensor
) -> None:
    clip = ContainerClip(write_clip(moving[:2], name="clip.mkv"))
    for made in (moving[:1], moving[:3]):
        with pytest.raises(InputError, match="not as many frames"):
            measured(ContainerClip(write_clip(made, name="made.mkv")), clip, style)
