"""Hyper-parameters of every stage; the defaults are those of the bundled encoder. No torch."""

from dataclasses import dataclass, field
from typing import Final, Literal

from stylecli.errors import SettingsError

Precision = Literal["bf16", "fp32"]
LayerWeights = tuple[tuple[str, float], ...]

LAST_LAYER: Final = "relu5_1"  # the deepest layer of the style loss: nothing beyond it is needed
HALF_WIDTHS: Final = (32,) * 2 + (64,) * 2 + (128,) * 4 + (256,) * 5
# Layers of the content and the style loss; every other layer counts `other_layers`.
DISTILLATION_LAYERS: Final = (
    ("relu1_1", 2.0),
    ("relu2_1", 2.0),
    ("relu3_1", 2.0),
    ("relu4_1", 2.0),
    ("relu4_2", 1.5),
    ("relu5_1", 2.0),
)
DEEPENING_LAYERS: Final = (*DISTILLATION_LAYERS[:-1], ("relu5_1", 2.5))


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """Data augmentation: sources of a crop, and the probability of each change to it.

    `noise` and `on_policy` are shares of all crops; `photos` is the share of photos among the
    others, the rest are paintings. Contrast is a factor around mid gray, brightness an offset.
    """

    noise: float = 0.03
    on_policy: float = 0.40  # once there are such pictures
    photos: float = 0.65
    flip: float = 0.5
    permute_channels: float = 0.2
    jitter: float = 0.3
    contrast: tuple[float, float] = (0.5, 1.4)
    brightness: float = 0.15
    grain: float = 0.35
    max_grain: float = 0.15  # standard deviation


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """A fixed set of crops: number of batches, crops in each, their side in pixels."""

    batches: int
    batch: int
    side: int


@dataclass(frozen=True, kw_only=True)
class SelectionSettings:
    """Channel selection and least-squares refit.

    `widths` are the student's; `moments` the crops over which the teacher's second moments are
    measured; `ridge` is relative to the mean second moment of the chosen channels.
    """

    widths: tuple[int, ...] = HALF_WIDTHS
    moments: BatchSettings = BatchSettings(batches=24, batch=8, side=144)
    ridge: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Adam with warm-up, cosine decay, gradient clipping and averaged weights (EMA)."""

    steps: int
    batch: int
    side: int  # pixels of a square crop
    learning_rate: float
    ema_decay: float  # 0 keeps the weights of the last step alone
    layers: LayerWeights
    other_layers: float = 0.5
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: int = 50  # steps
    final_rate: float = 0.02  # share of the learning rate that is left at the end
    max_gradient_norm: float = 1.0
    # Steps between two validations, each with a checkpoint. Changes no result, hence no `repr`:
    # the fingerprints of `stage_files` are made of that.
    report_every: int = field(default=100, repr=False)


@dataclass(frozen=True, kw_only=True)
class OnPolicySettings:
    """Stylization runs through the student, and the iterations at which pictures are taken.

    A run keeps `snapshots` pictures, from different iterations up to `last_snapshot`, and
    `final_copies` entries of its result.
    """

    runs: int = 38  # in each of two rounds, four entries a run: about 300 in all
    sizes: tuple[int, ...] = (160, 192, 224, 256)  # long side in pixels
    strengths: tuple[float, ...] = (0.3, 0.5, 0.5, 0.7)
    iterations: int = 115
    snapshots: int = 2
    last_snapshot: int = 84
    final_copies: int = 2
    paintings: float = 0.8  # share of paintings among the styles, the rest are photos
    style_side: int = 600  # pixels


@dataclass(frozen=True, kw_only=True)
class DeepeningSettings:
    """Second phase: layers up to `kept_layers` stay, deeper ones get new `widths`.

    `train_all` trains the kept layers as well; that was tried and brought nothing.
    """

    kept_layers: int = 9  # conv1_1 to conv4_1
    widths: tuple[int, ...] = (384, 384, 384, 512)
    moments: BatchSettings = BatchSettings(batches=16, batch=6, side=160)
    late_copies: int = 3  # how often a picture of the second round is in the list
    train_all: bool = False
    # Rates above 2e-4 spoil the least-squares start of layers that are trained for so few steps.
    optimizer: OptimizerSettings = OptimizerSettings(
        steps=1145,
        batch=8,
        side=160,
        learning_rate=2e-4,
        ema_decay=0.995,
        layers=DEEPENING_LAYERS,
    )


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The whole training. The same settings, pictures and teacher give the same file."""

    seed: int = 0
    precision: Precision = "bf16"  # of the networks' products; weights are kept in float32
    crops: CropSettings = CropSettings()
    # Other crops of the same pictures, the same ones in every measurement of a stage.
    validation: BatchSettings = BatchSettings(batches=4, batch=8, side=144)
    selection: SelectionSettings = SelectionSettings()
    distillation: OptimizerSettings = OptimizerSettings(
        steps=4400,
        batch=8,
        side=144,
        learning_rate=7e-4,
        ema_decay=0.0,
        layers=DISTILLATION_LAYERS,
    )
    on_policy_from: float = 0.5  # share of the distillation before the first round of pictures
    on_policy: OnPolicySettings = OnPolicySettings()
    deepening: DeepeningSettings = DeepeningSettings()

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels of each convolution of the finished student."""
        return self.selection.widths[: self.deepening.kept_layers] + self.deepening.widths


def check_settings(settings: TrainingSettings, teacher: tuple[int, ...]) -> None:
    """Raise `SettingsError` for what does not fit together, or a teacher of these widths."""
    layers = len(teacher)
    if not 1 <= settings.deepening.kept_layers < layers:
        raise SettingsError(f"kept_layers must be 1 to {layers - 1}.")
    for widths in (settings.selection.widths, settings.widths):
        if len(widths) != layers or any(
            not 1 <= w <= t for w, t in zip(widths, teacher, strict=False)
        ):
            raise SettingsError(
                f"the student's widths {widths} must be {layers} numbers, "
                f"none above the teacher's {teacher}."
            )
    for phase in (settings.distillation, settings.deepening.optimizer):
        if phase.steps < 1:
            raise SettingsError(f"a training needs at least 1 step, got {phase.steps}.")
    run = settings.on_policy
    if run.runs < 1 or not run.snapshots <= run.last_snapshot <= run.iterations:
        raise SettingsError("on-policy pictures need at least 1 run, and snapshots within it.")
