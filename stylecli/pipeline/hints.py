"""At most one sentence after a run, when something is off and the user can do something."""

from dataclasses import dataclass, field
from typing import Final

from stylecli.settings import Settings
from stylecli.transfer.results import Progress

# Thresholds from runs of five photos with four paintings, whose losses end between 0.3 and 0.5
# (content) and 0.009 and 0.03 (style).
STILL_FALLING: Final = 0.05  # share of the style loss lost over the last tenth of the scale
LOST_CONTENT: Final = 0.85
LOST_STYLE: Final = 0.15
SMALL_STYLE: Final = 4.0  # times that the output is larger than the style picture
FEW: Final = 20  # iterations at the last scale below which nothing is said about them


@dataclass
class Hints:
    """Progress callback that keeps losses; `after` gives a hint on them, or `None`."""

    styles: list[float] = field(default_factory=list)
    contents: list[float] = field(default_factory=list)
    scale: int = 0
    iterations: int = 0

    def __call__(self, progress: Progress) -> None:
        """Keep the losses of the scale that is being worked on."""
        if progress.scale != self.scale:
            self.scale = progress.scale
            self.styles, self.contents = [], []
        self.iterations += 1
        self.styles.append(progress.losses.style)
        self.contents.append(progress.losses.content)

    def after(self, output: int, style: int, settings: Settings) -> str | None:
        """One sentence, given the long sides of the output and of the smallest style picture.

        What is said of losses holds for relative ones alone, and not of one whose weight is 0.
        """
        if output >= SMALL_STYLE * style:
            return (
                f"the style picture is {output / style:.0f} times smaller than the output: its "
                "strokes will look coarse; use a larger one, or a smaller --size."
            )
        if settings.losses != "relative" or not self.styles:
            return None
        alpha, beta = settings.loss_weights()
        knob = "--strength" if settings.alpha is None and settings.beta is None else "--beta"
        if alpha and self.contents[-1] > LOST_CONTENT:
            return f"little of the content is left: try a smaller {knob}."
        if beta and self.styles[-1] > LOST_STYLE:
            stronger = f"a larger {knob} or " if alpha else ""
            return f"little of the style has arrived: try {stronger}more --iterations."
        if beta and self._falling():
            return f"the style loss is still falling: try --iterations {2 * self.iterations}."
        return None

    def _falling(self) -> bool:
        if len(self.styles) < FEW:
            return False
        part = max(2, len(self.styles) // 10)
        before = sum(self.styles[-2 * part : -part]) / part
        now = sum(self.styles[-part:]) / part
        return now < (1 - STILL_FALLING) * before
