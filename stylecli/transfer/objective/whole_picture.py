"""Content features of a whole picture, computed tile by tile."""

from collections.abc import Sequence

import torch

from stylecli.encoder.feature_extractor import FeatureExtractor
from stylecli.transfer.objective import losses
from stylecli.transfer.objective.gram_loss import Features, guides_of
from stylecli.transfer.objective.tiles import strides, tiles_of
from stylecli.transfer.objective.types import Target, target_of


def content_targets(
    extractor: FeatureExtractor,
    pictures: torch.Tensor,
    visible: torch.Tensor | None,
    names: Sequence[str],
    tile: int | None,
) -> tuple[dict[str, Target], Features | None]:
    """Content features (B, C, h, w) of pictures by layer, and the guides that weight them.

    The guides are of `visible` (1, 1, H, W), alpha, and `None` without it.
    """
    features = tiled_features(extractor, pictures, names, tile)
    if visible is None:
        return {name: target_of(value) for name, value in features.items()}, None
    guides, _ = guides_of(visible, names, extractor.steps, 0)
    return {
        name: Target(value, losses.squared_norm(value * guides[name].to(value.dtype)))
        for name, value in features.items()
    }, guides


@torch.no_grad()
def tiled_features(
    extractor: FeatureExtractor, picture: torch.Tensor, names: Sequence[str], tile: int | None
) -> dict[str, torch.Tensor]:
    """Features of pictures (B, 3, H, W) by layer, one tile at a time, channels last."""
    stride = strides(extractor.steps)
    size = (picture.shape[-2], picture.shape[-1])
    whole: dict[str, torch.Tensor] = {}
    for piece in tiles_of(size, tile, extractor.steps):
        features = extractor.forward(piece.cut(picture), keep=False).features
        for name in names:
            owned = piece.owned(features[name], stride[name])
            if name not in whole:
                place = (size[0] // stride[name], size[1] // stride[name])
                whole[name] = owned.new_empty((*owned.shape[:2], *place)).contiguous(
                    memory_format=torch.channels_last
                )
            piece.interior(whole[name], stride[name]).copy_(owned)
    return whole
