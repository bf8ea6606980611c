"""Adam (Kingma & Ba 2015) on the levels of the picture's Laplacian pyramid.

On pixels Adam moves every pixel alike and large strokes never form. One rate serves all levels:
measured at 256 px, smaller rates for the coarse ones end with a higher objective.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import torch

from stylecli.transfer.laplacian import analyze, level_sizes, synthesize

DEFAULT_RATE: Final = 0.03
BETA1: Final = 0.9
BETA2: Final = 0.99  # 0.999 remembers longer than a scale lasts


@dataclass
class Adam:
    """State for B pictures; memory about 3 · 1.3 · B·3·H·W · 4 bytes."""

    rate: float = DEFAULT_RATE
    step_scale: float = 1.0
    count: int = 0
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient, (B, 3, H, W) both, in [0, 1]."""
        self.count += 1
        sizes = level_sizes((image.shape[-2], image.shape[-1]))
        moves = []
        for index, g in enumerate(analyze(gradient, sizes)):
            mean = self._average(f"mean{index}", g, BETA1)
            square = self._average(f"square{index}", g.square(), BETA2)
            corrected = mean / (1 - BETA1**self.count)
            spread = (square / (1 - BETA2**self.count)).sqrt_().add_(1e-12)
            moves.append(corrected.div_(spread).mul_(-self.rate * self.step_scale))
        return (image + synthesize(moves)).clamp_(0.0, 1.0)

    def reset(self) -> None:
        """Forget the moments."""
        self.count = 0
        self.state = {}

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, as tensors and plain numbers."""
        return {"count": self.count, "step_scale": self.step_scale, "state": dict(self.state)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from `state_dict` as if nothing had happened in between."""
        self.count, self.step_scale = int(saved["count"]), float(saved["step_scale"])
        self.state = dict(saved["state"])

    def _average(self, name: str, value: torch.Tensor, decay: float) -> torch.Tensor:
        old = self.state.get(name)
        new = value * (1 - decay) if old is None else torch.lerp(value, old, decay)
        self.state[name] = new
        return new
