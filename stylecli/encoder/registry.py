"""The encoders known by name, their published files and their default layers; no torch."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stylecli.encoder.architecture import VGG16_BLOCKS, VGG19_BLOCKS, Plan, vgg_plan
from stylecli.errors import UsageError
from stylecli.messages import did_you_mean
from stylecli.settings.parsing import LayerWeights

BUNDLED: Final = Path(__file__).parent / "weights"
# Factors on the weights of the style layers, from the shallowest to the deepest: shallow layers
# make texture, deep ones shapes.
STROKES: Final = {
    "fine": (4.0, 2.0, 1.0, 0.5, 0.25),
    "normal": (1.0, 1.0, 1.0, 1.0, 1.0),
    "coarse": (0.25, 0.5, 1.0, 2.0, 4.0),
}
SUFFIXES: Final = (".safetensors", ".pth")


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder: its plan, its default layers and the file its weights come from.

    `size` is in bytes; `url` is the published address, `None` for a bundled or given file.
    """

    name: str
    plan: Plan
    default_content_layers: LayerWeights
    default_style_layers: LayerWeights
    file_name: str
    size: int
    sha256: str
    url: str | None = None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """All layers, from the shallowest to the deepest."""
        return self.plan.layer_names


def default_layers(plan: Plan) -> tuple[LayerWeights, LayerWeights]:
    """Content and style layers for a plan; fewer where it stops early.

    Gatys et al. 2015 for VGG; for the compact network content from relu3_3, since its deeper
    layers see more context and keep less detail, and style layers weighted 5:4:3:2:1.
    """
    compact = plan == COMPACT_PLAN
    style = [f"relu{block}_1" for block in range(1, 6) if f"relu{block}_1" in plan.layer_names]
    weights = (5.0, 4.0, 3.0, 2.0, 1.0) if compact else (1.0,) * 5
    wanted = ("relu3_3",) if compact else ("relu4_2", "relu3_3")
    content = next((name for name in wanted if name in plan.layer_names), style[-1])
    return ((content, 1.0),), tuple(zip(style, weights, strict=False))


COMPACT_PLAN: Final = vgg_plan(VGG19_BLOCKS, width=32, stop_after=13)  # to conv5_1


def _spec(name: str, plan: Plan, file_name: str, size: int, sha256: str) -> EncoderSpec:
    url = None if name == "compact" else f"https://download.pytorch.org/models/{file_name}"
    return EncoderSpec(name, plan, *default_layers(plan), file_name, size, sha256, url)


ENCODERS: Final[dict[str, EncoderSpec]] = {
    spec.name: spec
    for spec in (
        _spec(
            "compact",
            COMPACT_PLAN,
            "vgg19_compact.safetensors",
            6_477_584,
            "8bebbda324d8ae9a5755fdc11877a5b20a453ede175eb19c959dc3719c7dbe7b",
        ),
        _spec(
            "vgg19",
            vgg_plan(VGG19_BLOCKS),
            "vgg19-dcbb9e9d.pth",
            574_673_361,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        ),
        _spec(
            "vgg16",
            vgg_plan(VGG16_BLOCKS),
            "vgg16-397923af.pth",
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
    )
}


def get_spec(name: str) -> EncoderSpec:
    """The spec of a named encoder; raises `UsageError` that suggests the nearest name."""
    if name in ENCODERS:
        return ENCODERS[name]
    known = ", ".join(ENCODERS)
    raise UsageError(
        f"unknown encoder {name!r}{did_you_mean(name, ENCODERS)}; choose one of {known}, "
        "or give a .safetensors or .pth file."
    )


def is_path(name: str) -> bool:
    """Whether an `--encoder` means a file and not a name of the registry."""
    if name in ENCODERS:
        return False
    return Path(name).suffix.lower() in SUFFIXES or os.sep in name or os.path.exists(name)


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


def style_layers(spec: EncoderSpec, layers: LayerWeights | None) -> LayerWeights:
    """The style layers asked for, or the encoder's own; raises `UsageError`.

    A single name out of `STROKES` stands for the encoder's own with other weights.
    """
    default = spec.default_style_layers
    if layers is not None and len(layers) == 1 and layers[0][0] in STROKES:
        factors = STROKES[layers[0][0]]
        return tuple((name, w * f) for (name, w), f in zip(default, factors, strict=False))
    return resolve_layers(spec, layers, default)
