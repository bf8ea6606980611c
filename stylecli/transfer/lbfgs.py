"""L-BFGS on the pixels of B pictures at once, in a given metric and inside a box.

The compact form of Byrd, Nocedal & Schnabel 1994 (equation 3.1), with the metric M as initial
inverse Hessian: H = γM + [S  γZ] K [S  γZ]ᵀ, Z = M·Y. It reads the history twice an iteration
(textbook two-loop recursion: 4·m passes, one after another), everything else is m×m, and
nothing waits for the device. There is no line search: the objective is evaluated once an
iteration, as neural-style does; the caller keeps the best picture and restarts on divergence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

FIRST_STEP = 0.02  # root mean square pixel change of the first step, out of 1
LONGEST_STEP = 0.10  # of any later one


@dataclass
class LBFGS:
    """State for B pictures of n = 3·H·W values; memory 2·history·B·n·4 bytes."""

    metric: Callable[[torch.Tensor], torch.Tensor]
    history: int = 20
    step_scale: float = 1.0
    count: int = 0
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient, (B, 3, H, W) both, in [0, 1]."""
        gradient = free_gradient(image, gradient)
        steep = self.metric(gradient)
        if self.count == 0:
            self._start(image)
            direction = -steep * (FIRST_STEP * self.step_scale / _rms(steep))
        else:
            self._remember(image, gradient, steep)
            direction = -self._inverse_hessian(gradient, steep)
            direction *= self.step_scale * (LONGEST_STEP / _rms(direction)).clamp(max=1.0)
        self.state.update(image=image, gradient=gradient, steep=steep)
        self.count += 1
        return (image + direction).clamp_(0.0, 1.0)

    def reset(self) -> None:
        """Forget the history; the next step is a short one down the gradient."""
        self.count = 0
        self.state = {}

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, copied: tensors and plain numbers."""
        state = {name: value.clone() for name, value in self.state.items()}
        return {"count": self.count, "step_scale": self.step_scale, "state": state}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from `state_dict` as if nothing had happened in between."""
        self.count, self.step_scale = int(saved["count"]), float(saved["step_scale"])
        self.state = dict(saved["state"])

    def _start(self, image: torch.Tensor) -> None:
        batch, n, m = image.shape[0], image[0].numel(), self.history
        wide = image.new_zeros((batch, m, m), dtype=torch.float64)
        self.state = {
            "s": image.new_zeros(batch, m, n),
            "z": image.new_zeros(batch, m, n),  # M·y
            "sy": wide + torch.eye(m).to(wide),  # sᵢᵀyⱼ; an empty slot is harmless
            "yz": wide.clone(),
            "gamma": wide.new_ones(batch, 1),
        }

    def _remember(self, image: torch.Tensor, gradient: torch.Tensor, steep: torch.Tensor) -> None:
        """Put the newest pair into the oldest slot; a pair without curvature stays empty."""
        state, slot = self.state, (self.count - 1) % self.history
        s = (image - state["image"]).flatten(1)
        y = (gradient - state["gradient"]).flatten(1)
        z = (steep - state["steep"]).flatten(1)
        sy = (s * y).sum(1, keepdim=True)
        yz = (y * z).sum(1, keepdim=True)
        lengths = s.norm(dim=1, keepdim=True) * y.norm(dim=1, keepdim=True)
        good = (sy > 1e-8 * lengths) & (yz > 0)  # an angle: the objective's unit must not matter
        state["s"][:, slot] = torch.where(good, s, 0.0)
        state["z"][:, slot] = torch.where(good, z, 0.0)
        y = torch.where(good, y, 0.0)
        state["sy"][:, :, slot] = (state["s"] @ y.unsqueeze(2)).squeeze(2).double()
        state["sy"][:, slot, :] = 0.0  # an older y against this s never enters the formula
        state["sy"][:, slot, slot] = torch.where(good, sy, 1.0).squeeze(1).double()
        products = (state["z"] @ y.unsqueeze(2)).squeeze(2).double()
        state["yz"][:, :, slot] = products
        state["yz"][:, slot, :] = products
        gamma = (sy / yz).double()
        state["gamma"] = torch.where(good, gamma, state["gamma"])

    def _inverse_hessian(self, gradient: torch.Tensor, steep: torch.Tensor) -> torch.Tensor:
        """H·g = γMg + S·R⁻ᵀ((D + γYᵀZ)u − γZᵀg) − γZu with u = R⁻¹Sᵀg."""
        state, gamma = self.state, self.state["gamma"]
        flat = gradient.flatten(1).unsqueeze(2)
        p = (state["s"] @ flat).double()
        q = (state["z"] @ flat).double()
        r, order = self._chronological(state["sy"])
        u = torch.empty_like(p)
        u[:, order] = torch.linalg.solve_triangular(r, p[:, order], upper=True)
        diagonal = state["sy"].diagonal(dim1=1, dim2=2).unsqueeze(2)
        inner = diagonal * u + gamma.unsqueeze(2) * (state["yz"] @ u - q)
        v = torch.empty_like(p)
        v[:, order] = torch.linalg.solve_triangular(r.mT, inner[:, order], upper=False)
        s_part = (v.mT.to(flat.dtype) @ state["s"]).squeeze(1)
        z_part = ((gamma.unsqueeze(2) * u).mT.to(flat.dtype) @ state["z"]).squeeze(1)
        scaled = gamma.to(flat.dtype).view(-1, 1, 1, 1) * steep
        return scaled + (s_part - z_part).view_as(steep)

    def _chronological(self, sy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The upper triangle of SᵀY with its oldest pair first, and that order of the slots."""
        m, newest = self.history, (self.count - 1) % self.history
        order = (torch.arange(m, device=sy.device) + newest + 1) % m
        return sy[:, order][:, :, order].triu(), order


def free_gradient(image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient without the pixels that lie on the box and are pushed out of it."""
    held = ((image <= 0.0) & (gradient > 0.0)) | ((image >= 1.0) & (gradient < 0.0))
    return gradient.masked_fill(held, 0.0)


def _rms(x: torch.Tensor) -> torch.Tensor:
    return x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-30)
