"""The encoder room: pictures to features, and the weights that this takes.

Names are resolved on first use, so that listing weights does not have to import torch.
"""

from typing import TYPE_CHECKING

from stylecli.lazy import lazy_names

if TYPE_CHECKING:
    from stylecli.encoder.cache import (
        WeightsStatus,
        hub_folder,
        pull,
        verify,
        weights_path,
        weights_status,
    )
    from stylecli.encoder.loading import load_encoder
    from stylecli.encoder.registry import (
        ENCODERS,
        EncoderSpec,
        content_layers,
        resolve_layers,
        style_layers,
    )
    from stylecli.encoder.vgg import Encoder, Step

__all__ = [
    "ENCODERS",
    "Encoder",
    "EncoderSpec",
    "Step",
    "WeightsStatus",
    "content_layers",
    "hub_folder",
    "load_encoder",
    "pull",
    "resolve_layers",
    "style_layers",
    "verify",
    "weights_path",
    "weights_status",
]

_HOMES = {
    "Encoder": "vgg",
    "Step": "vgg",
    "load_encoder": "loading",
    "ENCODERS": "registry",
    "EncoderSpec": "registry",
    "content_layers": "registry",
    "resolve_layers": "registry",
    "style_layers": "registry",
    "WeightsStatus": "cache",
    "hub_folder": "cache",
    "pull": "cache",
    "verify": "cache",
    "weights_path": "cache",
    "weights_status": "cache",
}


__getattr__ = lazy_names(__name__, _HOMES)
