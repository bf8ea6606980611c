"""Settings of a picture (`Settings`), with every default of the program, once.

They are its recipe: the same settings, inputs and encoder give the same picture. No torch:
`stylize --help` reads its defaults from here.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, get_args

from stylecli.errors import SettingsError
from stylecli.messages import did_you_mean, short_repr
from stylecli.settings.parsing import (
    MAX_NUMBERS,
    LayerWeights,
    check_layer_weights,
    format_layers,
    parse_layers,
)
from stylecli.settings.validation import (
    check_choice,
    check_integer,
    check_range,
    check_text,
    plain_number,
)

LossKind = Literal["relative", "gatys"]
Pooling = Literal["max", "average"]
Padding = Literal["replicate", "zeros"]
OptimizerName = Literal["lbfgs", "adam"]
Quality = Literal["draft", "normal", "high"]
WarmStart = Literal["auto", "compact", "none"]
Color = Literal["style", "content", "match", "histogram"]

MAX_SIZE: Final = 32768  # long side in pixels; past it even one row of tiles is no longer practical
MAX_ITERATIONS: Final = 100_000
MAX_OCTAVES: Final = 11  # down to 32 pixels from the largest size
MAX_SEED: Final = 2**63 - 1
DEFAULT_STRENGTH: Final = 0.5
LAYER_FIELDS: Final = ("content_layers", "style_layers")  # written as relu1_1:5,relu2_1
NUMBER_FIELDS: Final = ("style_weights", "style_scale")  # written as 3,1
# A knob that is turned sets aside those that it stands for, or that stand for it.
EXCLUDED_BY: Final = {"strength": ("alpha", "beta"), "alpha": ("strength",), "beta": ("strength",)}
QUALITY_ENCODERS: Final[dict[Quality, str]] = {
    "draft": "compact",
    "normal": "compact",
    "high": "vgg19",
}
WARM_START_ENCODER: Final = "compact"
BALANCED_RATIO: Final = 12.0  # β/α in the middle of --strength
# β/α for the losses of Gatys et al., for a network whose features are of order 1, as those of
# torchvision's are. Content grows with the square of the features, style with the 4th power, so
# an encoder of another scale has a ratio of its own (`EncoderSpec.gatys_ratio`).
GATYS_RATIO: Final = 1e7


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The recipe of a picture: objective, size and optimization.

    `encoder` is a name or a weights file; `None` the one that goes with `quality`.
    `strength` in [0, 1] stands for `alpha` and `beta`, and excludes them. Layers are
    (name, weight) pairs; `None` means the encoder's own defaults. `size` is the long side of
    the output in pixels, `None` the content's own size. `octaves` are the sizes at which styles
    are compared, each half of the one before, `None` as many as have 32 pixels: large strokes are
    then the same at every size. `iterations` counts over all scales.
    `style_weights` are the shares of several styles, in any unit; `style_scale` the size of
    their strokes, one for all or one each; `style_size` the long side in pixels at which styles
    are looked at, instead of the output's. `color` says whose colors the picture has.
    `warm_start` is the encoder of all iterations but the last ones; for `auto` see
    `is_warm_started`.

    Raises `SettingsError` for values out of range.
    """

    encoder: str | None = None
    strength: float | None = None
    alpha: float | None = None
    beta: float | None = None
    tv: float = 0.0
    chroma_tv: float = 5.0
    losses: LossKind = "relative"
    content_layers: LayerWeights | None = None
    style_layers: LayerWeights | None = None
    octaves: int | None = None
    pooling: Pooling = "max"
    padding: Padding = "replicate"
    size: int | None = None
    quality: Quality = "normal"
    warm_start: WarmStart = "auto"
    iterations: int | None = None
    optimizer: OptimizerName = "lbfgs"
    learning_rate: float | None = None
    init: str = "random"
    seed: int = 0
    style_weights: tuple[float, ...] | None = None
    style_scale: tuple[float, ...] | None = None
    style_size: int | None = None
    color: Color = "style"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
        if self.strength is not None and (self.alpha is not None or self.beta is not None):
            raise SettingsError(
                "strength cannot be combined with alpha or beta: it stands for both; "
                "give one or the other."
            )
        check_range("strength", self.strength, 0.0, 1.0)
        for name in ("alpha", "beta", "tv", "chroma_tv"):
            check_range(name, getattr(self, name), 0.0, 1e12)
        check_range("learning_rate", self.learning_rate, 1e-6, 10.0)
        check_integer("octaves", self.octaves, 1, MAX_OCTAVES)
        for name in ("size", "style_size"):
            check_integer(name, getattr(self, name), 1, MAX_SIZE)
        check_integer("iterations", self.iterations, 1, MAX_ITERATIONS)
        check_integer("seed", self.seed, 0, MAX_SEED)
        for name, kind in _CHOICES.items():
            check_choice(name, getattr(self, name), get_args(kind))
        for name in LAYER_FIELDS:
            check_layer_weights(name, getattr(self, name))
        _check_numbers("style_weights", self.style_weights, 0.0, 1e6)
        _check_numbers("style_scale", self.style_scale, 1 / 16, 16.0)
        check_text("encoder", self.encoder_name)
        check_text("init", self.init)
        for field in dataclasses.fields(self):  # JSON has a null, and the checks let it pass
            if getattr(self, field.name) is None and field.default is not None:
                raise SettingsError(f"{field.name} needs a value.")
        if self.loss_weights() == (0.0, 0.0):
            raise SettingsError("alpha and beta are both 0: there is nothing to optimize.")

    @property
    def encoder_name(self) -> str:
        """The name or file of the encoder that is used."""
        return QUALITY_ENCODERS[self.quality] if self.encoder is None else self.encoder

    @property
    def is_warm_started(self) -> bool:
        """Whether the optimization goes through `compact` first and its own encoder at the end.

        `auto` means quality `high` with `vgg19`, and its own layers and losses.
        """
        if self.warm_start != "auto":
            return self.warm_start == WARM_START_ENCODER != self.encoder_name
        layers = self.content_layers, self.style_layers
        plain = layers == (None, None) and self.losses == "relative"
        return plain and self.quality == "high" and self.encoder_name == QUALITY_ENCODERS["high"]

    def loss_weights(self, gatys_ratio: float = GATYS_RATIO) -> tuple[float, float]:
        """α and β, from whichever of the two knobs is in use.

        `gatys_ratio` is the encoder's default β/α for the losses of Gatys et al.
        """
        if self.alpha is not None or self.beta is not None:
            ratio = BALANCED_RATIO if self.losses == "relative" else gatys_ratio
            alpha = 1.0 if self.alpha is None else float(self.alpha)
            return alpha, ratio if self.beta is None else float(self.beta)
        if self.strength is None and self.losses == "gatys":
            return 1.0, gatys_ratio
        return weights_of_strength(DEFAULT_STRENGTH if self.strength is None else self.strength)

    def check_counts(self, styles: int) -> None:
        """Raise `SettingsError` where numbers of the styles are not as many as these."""
        for name in NUMBER_FIELDS:
            count = len(getattr(self, name) or ())
            if count not in (0, styles) and (name, count) != ("style_scale", 1):
                raise SettingsError(f"{name} has {count} number(s) for {styles} style(s).")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or TOML; fields at `None` are left out."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in LAYER_FIELDS:
            if values[name] is not None:
                values[name] = format_layers(values[name])
        for name in NUMBER_FIELDS:
            if values[name] is not None:
                values[name] = list(values[name])
        return {name: value for name, value in values.items() if value is not None}

    def set_aside(self, names: Iterable[str]) -> Self:
        """These settings without the knobs that those of `names` exclude and are not among."""
        turned = set(names)
        excluded = {other for name in turned for other in EXCLUDED_BY.get(name, ())}
        nothing: dict[str, Any] = dict.fromkeys(excluded - turned)
        return dataclasses.replace(self, **nothing)

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with others, as `from_dict` takes them, and without what they exclude."""
        return self.from_dict({**self.set_aside(values).to_dict(), **values})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; raises `SettingsError` for unknown names or wrong types."""
        known = {f.name for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                near = did_you_mean(name, known) or "."
                raise SettingsError(f"unknown setting {short_repr(name)}{near}")
        plain = dict(values)
        for name in LAYER_FIELDS:
            if isinstance(plain.get(name), str):
                plain[name] = parse_layers(plain[name])
        for name in NUMBER_FIELDS:
            if isinstance(plain.get(name), list):
                plain[name] = tuple(plain[name])
        return cls(**plain)


def weights_of_strength(strength: float) -> tuple[float, float]:
    """α and β for a strength in [0, 1]: 0 is the content alone, 1 the style alone.

    β/α = 12·(s/(1−s))^1.5: balanced in the middle, gentle near the ends.
    """
    if strength == 1.0:
        return 0.0, 1.0
    return 1.0, BALANCED_RATIO * (strength / (1.0 - strength)) ** 1.5


_CHOICES: Final = {
    "losses": LossKind,
    "pooling": Pooling,
    "padding": Padding,
    "quality": Quality,
    "warm_start": WarmStart,
    "optimizer": OptimizerName,
    "color": Color,
}


def _plain(value: Any) -> Any:
    """A value with Python's own numbers, those of layers and styles included."""
    return tuple(map(_plain, value)) if isinstance(value, tuple) else plain_number(value)


def _check_numbers(name: str, values: Any, low: float, high: float) -> None:
    if values is None:
        return
    if not isinstance(values, tuple) or not values:
        raise SettingsError(f"{name} must be at least one number, got {short_repr(values)}.")
    if len(values) > MAX_NUMBERS:
        raise SettingsError(f"{name} must be at most {MAX_NUMBERS} numbers.")
    for value in values:
        if value is None:
            raise SettingsError(f"{name} must be numbers, got {short_repr(values)}.")
        check_range(name, value, low, high)
    if not any(values):
        raise SettingsError(f"{name} is 0 everywhere.")
