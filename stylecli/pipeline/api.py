"""`stylize` for pictures in memory: the library's entry for notebooks and scripts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image

from stylecli import encoder as encoders
from stylecli import images, transfer
from stylecli.encoder.vgg import Encoder
from stylecli.errors import InputError
from stylecli.job import NAMED_STARTS
from stylecli.pipeline.out_of_memory import memory_guard
from stylecli.pipeline.request_builder import compose, recolor
from stylecli.settings import Compute, Precision, Settings
from stylecli.transfer.results import ProgressCallback, Result

Source = str | Path | Image.Image | torch.Tensor | numpy.ndarray[Any, Any]


def stylize(
    content: Source,
    style: Source | Sequence[Source],
    *,
    encoder: str | Encoder | None = None,
    init: Source = "random",
    device: str = "auto",
    precision: Precision = "auto",
    on_progress: ProgressCallback | None = None,
    **settings: Any,
) -> Result:
    """Paint `content` in the style of `style`; further keywords are those of `Settings`.

    A picture is a path, a Pillow image, a tensor (3, H, W) or an array (H, W, 3); tensors and
    arrays are sRGB, floating point in [0, 1] or uint8 in 0..255. `init` is "random", "content"
    or a picture. `encoder` is a name, a weights file, or an encoder loaded before; without it the
    one that goes with `quality`. The result holds the picture as `.image`, (3, H, W) float32 in
    [0, 1], and as `.to_pil()`.

    Raises `SettingsError`, `InputError`, `WeightsError` or `MemoryLimitError`.
    """
    named = isinstance(init, str) and init in NAMED_STARTS
    named_encoder = encoder.spec.name if isinstance(encoder, Encoder) else encoder
    recipe = Settings.from_dict(
        {
            **settings,
            **({} if named_encoder is None else {"encoder": named_encoder}),
            "init": str(init) if isinstance(init, str | Path) else "image",
        }
    )
    compute = Compute(device=device, precision=precision)
    pixels = pixels_of(content, "content")
    styles = [pixels_of(source, "style") for source in _listed(style)]
    start = None if named else pixels_of(init, "init")
    if not isinstance(encoder, Encoder):
        encoder = encoders.load_encoder(
            recipe.encoder_name, pooling=recipe.pooling, padding=recipe.padding
        )
    else:
        recipe = replace(recipe, pooling=encoder.pooling, padding=encoder.padding)
    with memory_guard(pixels.shape, recipe):
        (result,) = transfer.stylize_together(
            [compose(recipe, pixels, styles, start)],
            compute=compute,
            encoder=encoder,
            on_progress=on_progress,
        )
    return replace(result, image=recolor(recipe, result.image, pixels))


def pixels_of(source: Source, name: str) -> torch.Tensor:
    """Any kind of picture as (3, H, W) float32 in [0, 1]; raises `InputError`.

    Values outside [0, 1] are refused rather than clipped: they hint at another range.
    """
    if isinstance(source, str | Path):
        return images.read_picture(Path(source)).pixels
    if isinstance(source, Image.Image):
        return images.picture_from_pil(source).pixels
    if isinstance(source, numpy.ndarray):
        source = torch.from_numpy(numpy.ascontiguousarray(source))
        source = source.permute(2, 0, 1) if source.ndim == 3 else source
    if not isinstance(source, torch.Tensor):
        raise InputError(
            f"{name} must be a path, a Pillow image, a tensor or an array, "
            f"got {type(source).__name__}."
        )
    return _checked(source, name)


def _checked(tensor: torch.Tensor, name: str) -> torch.Tensor:
    if tensor.ndim != 3 or tensor.shape[0] != 3 or 0 in tensor.shape:
        raise InputError(
            f"{name} must be a tensor (3, H, W) or an array (H, W, 3), "
            f"got a tensor of shape {tuple(tensor.shape)}."
        )
    if tensor.dtype == torch.uint8:
        return tensor.detach().cpu().float() / 255
    if not tensor.is_floating_point():
        raise InputError(f"{name} must be floating point or uint8, got {tensor.dtype}.")
    pixels = tensor.detach().cpu().float()
    if not (pixels.isfinite().all() and pixels.amin() >= 0 and pixels.amax() <= 1):
        raise InputError(f"{name} must lie in [0, 1]: scale it first, or give uint8 in 0..255.")
    return pixels


def _listed(style: Source | Sequence[Source]) -> Sequence[Source]:
    if isinstance(style, list | tuple):
        if not style:
            raise InputError("style is empty: give at least one picture.")
        return style
    return [style]  # type: ignore[list-item]  # mypy keeps Sequence[Source] here
