"""Adam (Kingma & Ba 2015) on the levels of the picture's Laplacian pyramid.

On pixels Adam's steps are all alike and large strokes never form. One rate serves all levels:
measured at 256 px, smaller rates for the coarse ones end with a higher objective.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import torch

from stylecli.transfer.compute.device import placed, wide_device
from stylecli.transfer.optim.preconditioner import analyze, level_sizes, synthesize

DEFAULT_RATE: Final = 0.03
BETA1: Final = 0.9
BETA2: Final = 0.99  # 0.999 would average over more iterations than a scale has


@dataclass
class Adam:
    """Adam's moments for B pictures; memory about 2 · 1.3 · B·3·H·W · 4 bytes."""

    rate: float = DEFAULT_RATE
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient, (B, 3, H, W) both, in [0, 1]."""
        if not self.state:
            self.start(image)
        state = self.state
        state["count"] += 1
        count = state["count"].view(-1, 1, 1, 1)
        wide_rate = -self.rate * state["step_scale"].view(-1, 1, 1, 1) / (1 - BETA1**count)
        wide_spread = 1 / (1 - BETA2**count)
        rate, spread = (
            value.to(image.dtype).to(image.device) for value in (wide_rate, wide_spread)
        )
        moves = []
        sizes = level_sizes((image.shape[-2], image.shape[-1]))
        for index, g in enumerate(analyze(gradient, sizes)):
            mean = state[f"mean{index}"].lerp_(g, 1 - BETA1)
            square = state[f"square{index}"].mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            root = (square * spread).sqrt_().add_(1e-12)
            moves.append((mean * rate).div_(root))
        return (image + synthesize(moves)).clamp_(0.0, 1.0)

    def start(self, image: torch.Tensor) -> None:
        """Begin with B pictures (B, 3, H, W) and no moments."""
        batch = image.shape[0]
        self.state = {}
        for index, size in enumerate(level_sizes((image.shape[-2], image.shape[-1]))):
            for name in ("mean", "square"):
                self.state[f"{name}{index}"] = image.new_zeros(batch, 3, *size)
        wide = image.new_zeros(batch, dtype=torch.float64, device=wide_device(image.device))
        self.state |= {"count": wide, "step_scale": torch.ones_like(wide)}

    def restart(self, which: torch.Tensor) -> None:
        """Forget the moments of the pictures where `which` (B,) is true, and halve their steps."""
        for name, value in self.state.items():
            restarted = which.to(value.device)
            if name == "step_scale":
                value *= torch.where(restarted, 0.5, 1.0)
            else:
                value.masked_fill_(restarted.view(-1, *[1] * (value.ndim - 1)), 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, copied."""
        return {name: value.clone() for name, value in self.state.items()}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from `state_dict` as if nothing had happened in between."""
        self.state = placed(saved, self.state)
