"""Loss weights of a picture: its settings, and its encoder's defaults."""

from dataclasses import dataclass
from typing import Final

from stylecli.encoder.registry import coarse_content_layers, content_layers, style_layers
from stylecli.encoder.vgg import Encoder
from stylecli.settings import LossKind, Settings
from stylecli.settings.parsing import LayerWeights
from stylecli.transfer.resample import Size

COARSE_SIDE: Final = 250  # pixels of the short side, under which a scale counts as small


@dataclass(frozen=True)
class Weights:
    """Loss weights of one picture; a style layer's weight is its share of 1.

    `coarse_content` are the content layers of small scales, shallower ones: see `content_at`.
    """

    alpha: float
    beta: float
    tv: float
    chroma_tv: float
    content: LayerWeights
    style: LayerWeights
    kind: LossKind = "relative"
    coarse_content: LayerWeights | None = None

    def content_at(self, size: Size, *, is_last: bool = True) -> LayerWeights:
        """The content layers of a scale of `size`, the run's last or one before.

        The receptive field of relu4_2 is 92 pixels, half of a picture of 192 rows: places are
        hardly fixed, and edges run on to the picture's border as straight bands. A shallower
        layer fixes them at small scales, alone before the last one, and there beside the
        encoder's own, which the picture is judged by (benchmarks/README.md, The encoder).
        """
        if self.coarse_content is None or min(size) >= COARSE_SIDE:
            return self.content
        return (*self.coarse_content, *self.content) if is_last else self.coarse_content


def weights_of(encoder: Encoder, settings: Settings) -> Weights:
    """Loss weights of the settings and an encoder, style layers as shares of 1.

    Raises `UsageError` for a layer it does not have.
    """
    content: LayerWeights = content_layers(encoder.spec, settings.content_layers)
    style: LayerWeights = style_layers(encoder.spec, settings.style_layers)
    alpha, beta = settings.loss_weights(encoder.spec.gatys_ratio)
    total = sum(weight for _, weight in style)
    shares = tuple((name, weight / total) for name, weight in style)
    plain = settings.content_layers is not None or settings.losses == "gatys"
    coarse = None if plain else coarse_content_layers(encoder.spec)
    return Weights(
        alpha, beta, settings.tv, settings.chroma_tv, content, shares, settings.losses, coarse
    )
