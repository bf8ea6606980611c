"""Clips for notebooks and scripts: the library's entry beside `stylize` for pictures."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from stylecli.messages import ignore
from stylecli.pipeline.api import SettingsKeywords
from stylecli.settings import Compute, Precision, Settings
from stylecli.video.encoding import Encoding
from stylecli.video.video_job import Sequencing, VideoJob
from stylecli.video.video_run import VideoResult, run_video

StrPath = str | os.PathLike[str]


def stylize_video(
    clip: StrPath,
    styles: StrPath | Sequence[StrPath],
    output: StrPath,
    settings: Settings | None = None,
    *,
    sequencing: Sequencing | None = None,
    encoding: Encoding | None = None,
    mask: StrPath | None = None,
    style_masks: Sequence[StrPath] = (),
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    max_memory: str | int | None = None,
    workers: int = 1,
    overwrite: bool = False,
    keep_frames: bool = False,
    on_progress: Callable[[float, str], None] | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> VideoResult:
    """Style transfer of a clip, a file, folder or pattern: frames follow the motion.

    `settings` are changed by keywords, as `stylize` has them; `sequencing` says which frames are
    made and how they follow each other, `encoding` how they are written. `mask` is a picture, or a
    clip with a mask for each frame. `on_progress` is called with what is done of all, in [0, 1],
    and in words. A run that was stopped goes on by the same call.

    Raises `SettingsError`, `UsageError`, `InputError`, `OutputError`, `WeightsError` or
    `MemoryLimitError`.
    """
    listed = [styles] if isinstance(styles, str | os.PathLike) else styles
    chosen = (settings or Settings()).changed(dict(keywords))
    memory = None if max_memory is None else str(max_memory)
    job = VideoJob(
        clip=Path(clip),
        styles=tuple(map(Path, listed)),
        output=Path(output),
        settings=chosen if encoder is None else replace(chosen, encoder=encoder),
        compute=Compute(device=device, precision=precision, max_memory=memory),
        sequencing=sequencing or Sequencing(),
        encoding=encoding or Encoding(),
        mask=None if mask is None else Path(mask),
        style_masks=tuple(map(Path, style_masks)),
        existing="overwrite" if overwrite else "refuse",
        keep_frames=keep_frames,
    )
    return run_video(job, workers=workers, on_message=ignore, on_share=on_progress or ignore)
