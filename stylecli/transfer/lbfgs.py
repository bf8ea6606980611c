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
            products = self._remember(image, gradient, steep)
            direction = self._inverse_hessian(*products, steep).neg_()
            direction *= self.step_scale * (LONGEST_STEP / _rms(direction)).clamp(max=1.0)
        self.state.update(image=image, gradient=gradient, steep=steep)
        self.count += 1
        return direction.add_(image).clamp_(0.0, 1.0)

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
            "sg": wide.new_zeros(batch, m),  # sᵢᵀg and zᵢᵀg of the last gradient
            "zg": wide.new_zeros(batch, m),
            "gamma": wide.new_ones(batch, 1),
        }

    def _remember(
        self, image: torch.Tensor, gradient: torch.Tensor, steep: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the newest pair into the oldest slot; returns Sᵀg and Zᵀg, (B, m) in float64.

        A pair without curvature leaves its slot empty. Products with the newest y are
        differences of products with two gradients (Byrd et al., section 3.2), which spares two
        of six passes over the history.
        """
        state, slot = self.state, (self.count - 1) % self.history
        s = (image - state["image"]).flatten(1)
        y = (gradient - state["gradient"]).flatten(1)
        z = (steep - state["steep"]).flatten(1)
        sy, yz = torch.linalg.vecdot(s, y), torch.linalg.vecdot(y, z)
        lengths = s.norm(dim=1) * y.norm(dim=1)
        good = (sy > 1e-8 * lengths) & (yz > 0)  # an angle: the objective's unit must not matter
        keep = good.to(s.dtype).unsqueeze(1)
        torch.mul(s, keep, out=state["s"][:, slot])
        torch.mul(z, keep, out=state["z"][:, slot])
        sg, zg = self._products(gradient)
        keep, sy, yz = keep.double(), sy.double(), yz.double()
        state["sy"][:, :, slot] = (sg - state["sg"]) * keep
        state["sy"][:, slot, :] = 0.0  # an older y against this s never enters the formula
        state["sy"][:, slot, slot] = torch.where(good, sy, 1.0)
        products = (zg - state["zg"]) * keep
        products[:, slot] = torch.where(good, yz, 0.0)
        state["yz"][:, :, slot] = products
        state["yz"][:, slot, :] = products
        state["gamma"] = torch.where(good, sy / yz, state["gamma"].squeeze(1)).unsqueeze(1)
        state.update(sg=sg, zg=zg)
        return sg, zg

    def _products(self, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sᵀg and Zᵀg, (B, m) in float64."""
        flat = gradient.flatten(1).unsqueeze(2)
        sg, zg = ((self.state[name] @ flat).squeeze(2).double() for name in ("s", "z"))
        return sg, zg

    def _inverse_hessian(
        self, sg: torch.Tensor, zg: torch.Tensor, steep: torch.Tensor
    ) -> torch.Tensor:
        """H·g = γMg + S·R⁻ᵀ((D + γYᵀZ)u − γZᵀg) − γZu with u = R⁻¹Sᵀg."""
        state, gamma = self.state, self.state["gamma"]
        p, q = sg.unsqueeze(2), zg.unsqueeze(2)
        r, order = self._chronological(state["sy"])
        u = torch.empty_like(p)
        u[:, order] = torch.linalg.solve_triangular(r, p[:, order], upper=True)
        diagonal = state["sy"].diagonal(dim1=1, dim2=2).unsqueeze(2)
        inner = diagonal * u + gamma.unsqueeze(2) * (state["yz"] @ u - q)
        v = torch.empty_like(p)
        v[:, order] = torch.linalg.solve_triangular(r.mT, inner[:, order], upper=False)
        total = gamma.to(steep.dtype).view(-1, 1, 1, 1) * steep
        flat = total.view(len(total), 1, -1)
        flat.baddbmm_(v.mT.to(steep.dtype), state["s"])
        flat.baddbmm_((gamma.unsqueeze(2) * u).mT.to(steep.dtype), state["z"], alpha=-1.0)
        return total

    def _chronological(self, sy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The upper triangle of SᵀY with its oldest pair first, and that order of the slots."""
        m, newest = self.history, (self.count - 1) % self.history
        order = (torch.arange(m, device=sy.device) + newest + 1) % m
        return sy[:, order][:, :, order].triu(), order


def free_gradient(image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient without the pixels that lie on the box and are pushed out of it.

    The bounds are 0 for a pixel on that side of the box and out of reach for any other: three
    passes where comparisons and a mask take eight.
    """
    reach = torch.finfo(image.dtype).max
    return gradient.clamp((image - 1.0).mul_(reach), image * reach)


def _rms(x: torch.Tensor) -> torch.Tensor:
    return x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-30)
