"""Alpha: colors that cannot be seen do not count, and an opaque picture is laid on white."""

from dataclasses import replace
from typing import Final

import torch
from torch.nn import functional as F

from stylecli.errors import InputError
from stylecli.images.picture import Picture

# Below this share of the largest alpha a color counts less and less: 8 bits hold little of it,
# and a file may hide anything there.
FAINT: Final = 0.1
_INVISIBLE: Final = 0.5 / 255  # what 8 bits round to 0


def without_hidden_colors(picture: Picture, name: str) -> Picture:
    """The picture with the colors where its alpha is 0 replaced by those around them.

    Layers see some pixels around what they are weighted by, so weights alone are not enough.

    Raises `InputError` where nothing can be seen at all.
    """
    alpha = picture.alpha
    if alpha is None or float(alpha.min()) >= FAINT:
        return picture
    most = float(alpha.max())
    if most < _INVISIBLE:
        raise InputError(f"cannot use {name}: it is transparent throughout, nothing can be seen.")
    weight = (alpha / (FAINT * most)).clamp_max(1.0) ** 4
    weight = weight.where(alpha >= _INVISIBLE, 0.0)
    return replace(picture, pixels=_pull_push(picture.pixels[None], weight[None])[0])


def on_white(pixels: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Pixels (3, H, W) under `alpha` (1, H, W), composited over white."""
    return pixels * alpha + (1.0 - alpha)


def _pull_push(color: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Colors (1, 3, H, W), where `weight` (1, 1, H, W) is below 1 filled up from coarser ones.

    Pull-push of Gortler et al. 1996 (The Lumigraph, section 3.2.3). Colors of weight 1 stay as
    they are, bit by bit.
    """
    height, width = color.shape[-2:]
    if max(height, width) == 1:
        return color
    reduced = _mean_of_four(weight)
    mean = _mean_of_four(color * weight) / reduced.clamp_min(1e-12)
    coarse = _pull_push(mean, (4.0 * reduced).clamp_max(1.0))
    wide = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    smooth = F.avg_pool2d(wide, 3, 1, 1, count_include_pad=False)
    return torch.lerp(smooth, color, weight)


def _mean_of_four(image: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True)
