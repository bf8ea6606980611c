"""Preconditioned L-BFGS on the pixels of B pictures at once, with box constraints.

The compact form of Byrd, Nocedal & Schnabel 1994 (equation 3.1), with the preconditioner M as
initial inverse Hessian: H = γM + [S  γZ] K [S  γZ]ᵀ, Z = M·Y. It reads the history twice an
iteration (textbook two-loop recursion: 4·m passes, one after another), everything else is m×m.
Nothing waits for the device and all state stays in place, so that a CUDA graph can hold an
iteration.
There is no line search: the objective is evaluated once an iteration, as neural-style does; the
caller keeps the best picture and restarts on divergence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from stylecli.transfer.compute.device import placed, wide_device
from stylecli.transfer.optim.deterministic import dot, dots, each_alone, padded

FIRST_STEP = 0.02  # root mean square pixel change of the first step, out of 1
LONGEST_STEP = 0.10  # of any later one


@dataclass
class LBFGS:
    """L-BFGS history of B pictures of n = 3·H·W values; memory (2·history + 3)·B·n·4 bytes."""

    precondition: Callable[[torch.Tensor], torch.Tensor]
    history: int = 20
    step_scale: float = 1.0
    values: int = 0  # of one picture
    state: dict[str, torch.Tensor] = field(default_factory=dict)

    def step(self, image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The next image from the current one and its gradient, (B, 3, H, W) both, in [0, 1].

        The gradient is used up: its memory is written to.
        """
        if not self.state:
            self.start(image)
        self.values = image[0].numel()
        state = self.state
        wide = state["gamma"].device
        gradient = project_gradient(image, gradient)
        preconditioned_grad = self.precondition(gradient)
        sg, zg = self._remember(image, gradient, preconditioned_grad)
        first = FIRST_STEP / self._rms(state["steep"]).to(wide).double()
        gamma = torch.where(state["fresh"].unsqueeze(1), first, state["gamma"])
        state["gamma"].copy_(gamma)  # holds until a pair with curvature gives a better one
        direction = self._inverse_hessian(sg, zg, gamma)
        length = (LONGEST_STEP / self._rms(direction)).clamp(max=1.0)
        direction *= -state["step_scale"].unsqueeze(1) * length
        state["fresh"].zero_()
        state["count"] += 1
        return direction.view_as(image).add(image).clamp_(0.0, 1.0)

    def restart(self, which: torch.Tensor) -> None:
        """Forget the history of the pictures where `which` (B,) is true, and halve their steps.

        Their next step is a short one down the gradient.
        """
        state = self.state
        state["step_scale"] *= torch.where(which, 0.5, 1.0)
        which = which.to(state["gamma"].device)
        state["fresh"] |= which
        state["valid"] &= ~which.unsqueeze(1)
        cleared = which.view(-1, 1, 1)
        identity = torch.eye(self.history, dtype=torch.float64, device=which.device)
        state["sy"].copy_(torch.where(cleared, identity, state["sy"]))
        state["yz"].masked_fill_(cleared, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, copied."""
        return {name: value.clone() for name, value in self.state.items()}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from `state_dict` as if nothing had happened in between."""
        self.state = placed(saved, self.state)
        if self.state:
            self.history = self.state["s"].shape[1]

    def start(self, image: torch.Tensor) -> None:
        """Begin with B pictures (B, 3, H, W) and no history.

        What is in float64 lives where there is any: for MPS that is the CPU, at a cost of a few
        small copies an iteration, since in float32 the triangular solves lose the curvature.
        What is as long as a picture is padded with zeros, so that sums over it have whole pieces
        and every picture's begins at a place in memory that the processor's wide loads like.
        """
        self.values = image[0].numel()
        batch, m = image.shape[0], self.history
        length = padded(self.values)
        small = image.new_zeros((batch, m), dtype=torch.float64, device=wide_device(image.device))
        wide = small.unsqueeze(2).repeat(1, 1, m)
        vector = image.new_zeros(batch, length)
        self.state = {
            "image": vector.clone(),
            "gradient": vector.clone(),
            "steep": vector,  # M·gradient, under the name that checkpoints have for it
            "s": image.new_zeros(batch, m, length),
            "z": image.new_zeros(batch, m, length),  # M·y
            "sy": wide + torch.eye(m).to(wide),  # sᵢᵀyⱼ; an empty slot is harmless
            "yz": wide.clone(),
            "sg": small.clone(),  # sᵢᵀg and zᵢᵀg of the last gradient
            "zg": small.clone(),
            "gamma": small.new_ones(batch, 1),
            "valid": torch.zeros_like(small, dtype=torch.bool),  # slots that hold a pair
            "fresh": torch.ones(batch, dtype=torch.bool, device=small.device),
            "step_scale": image.new_full((batch,), self.step_scale),
            "count": torch.zeros((), dtype=torch.int64, device=small.device),
        }
        self._vector("image").copy_(image.flatten(1))

    def _vector(self, name: str) -> torch.Tensor:
        """A vector of the state without its padding, (B, n): a view."""
        return self.state[name][:, : self.values]

    def _remember(
        self, image: torch.Tensor, gradient: torch.Tensor, preconditioned_grad: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the newest pair into the oldest slot; returns Sᵀg and Zᵀg, (B, m) in float64.

        A pair without curvature leaves its slot empty. Products with the newest y are
        differences of products with two gradients (Byrd et al., section 3.2), which spares two
        of six passes over the history.
        """
        state = self.state
        new = {"image": image, "gradient": gradient, "steep": preconditioned_grad}
        # In place of the last iteration's vectors: another image each is a lot at 4096 px.
        for name, value in new.items():
            self._vector(name).neg_().add_(value.flatten(1))
        s, y, z = (state[name] for name in new)
        wide = state["gamma"].device
        sy, yz = dot(s, y).to(wide), dot(y, z).to(wide)
        lengths = (s.norm(dim=1) * y.norm(dim=1)).to(wide)
        # An angle: the objective's unit must not matter.
        good = (sy > 1e-8 * lengths) & (yz > 0) & ~state["fresh"]
        slot = self._newest().unsqueeze(0)
        state["s"].index_copy_(1, slot.to(s.device), s.unsqueeze(1))
        state["z"].index_copy_(1, slot.to(z.device), z.unsqueeze(1))
        state["valid"].index_copy_(1, slot, good.unsqueeze(1))
        for name, value in new.items():
            self._vector(name).copy_(value.flatten(1))
        sg, zg = (
            torch.where(state["valid"], dots(state[name], state["gradient"]).to(wide), 0.0)
            for name in ("s", "z")
        )
        sg, zg = sg.double(), zg.double()
        self._remember_products(slot, good, sg, zg, sy.double(), yz.double())
        return sg, zg

    def _remember_products(
        self,
        slot: torch.Tensor,
        good: torch.Tensor,
        sg: torch.Tensor,
        zg: torch.Tensor,
        sy: torch.Tensor,
        yz: torch.Tensor,
    ) -> None:
        """Row and column of the newest pair in SᵀY and YᵀZ, and γ."""
        state = self.state
        here = torch.arange(self.history, device=slot.device) == slot
        pairs = good.unsqueeze(1) & state["valid"]
        diagonal = torch.where(good, sy, 1.0).unsqueeze(1)
        column = torch.where(here, diagonal, torch.where(pairs, sg - state["sg"], 0.0))
        state["sy"].index_fill_(1, slot, 0.0)  # an older y against this s never enters the formula
        state["sy"].index_copy_(2, slot, column.unsqueeze(2))
        diagonal = torch.where(good, yz, 0.0).unsqueeze(1)
        column = torch.where(here, diagonal, torch.where(pairs, zg - state["zg"], 0.0))
        state["yz"].index_copy_(2, slot, column.unsqueeze(2))
        state["yz"].index_copy_(1, slot, column.unsqueeze(1))
        state["gamma"].copy_(torch.where(good, sy / yz, state["gamma"].squeeze(1)).unsqueeze(1))
        state["sg"].copy_(sg)
        state["zg"].copy_(zg)

    def _inverse_hessian(
        self, sg: torch.Tensor, zg: torch.Tensor, gamma: torch.Tensor
    ) -> torch.Tensor:
        """H·g = γMg + S·v − Z·w, (B, n)."""
        state = self.state
        slots = torch.arange(self.history, device=gamma.device)
        oldest = self._newest() + 1
        order, back = (slots + oldest) % self.history, (slots - oldest) % self.history
        small = (state["sy"][:, order][:, :, order], state["yz"][:, order][:, :, order])
        factors = each_alone(_factors, *small, sg[:, order], zg[:, order], gamma)[:, :, back]
        dtype, device = state["steep"].dtype, state["steep"].device
        total = state["steep"] * gamma.to(dtype).to(device)
        v, w = torch.split(factors.to(dtype).to(device), 1, dim=1)
        for index in range(len(total)):
            one = slice(index, index + 1)
            row = total[one].unsqueeze(1)
            row.baddbmm_(v[one], state["s"][one])
            row.baddbmm_(w[one], state["z"][one], alpha=-1.0)
        return total[:, : self.values]

    def _rms(self, vector: torch.Tensor) -> torch.Tensor:
        """Root mean square of each of B vectors, padded or not: (B, 1)."""
        norm: torch.Tensor = vector.norm(dim=1, keepdim=True)
        return norm.div_(self.values**0.5).clamp_min_(1e-30)

    def _newest(self) -> torch.Tensor:
        """The slot of the newest pair; before there is one, the last."""
        return (self.state["count"] - 1) % self.history


def _factors(
    sy: torch.Tensor, yz: torch.Tensor, sg: torch.Tensor, zg: torch.Tensor, gamma: torch.Tensor
) -> torch.Tensor:
    """The factors v = R⁻ᵀ((D + γYᵀZ)u − γZᵀg) and w = γu with u = R⁻¹Sᵀg, as (B, 2, m).

    R is the upper triangle of SᵀY, the oldest pair first, and D its diagonal.
    """
    r, p, q = sy.triu(), sg.unsqueeze(2), zg.unsqueeze(2)
    u = torch.linalg.solve_triangular(r, p, upper=True)
    inner = sy.diagonal(dim1=1, dim2=2).unsqueeze(2) * u + gamma.unsqueeze(2) * (yz @ u - q)
    v = torch.linalg.solve_triangular(r.mT, inner, upper=False)
    return torch.cat([v.mT, (gamma.unsqueeze(2) * u).mT], 1)


def project_gradient(image: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Projected gradient for box constraints: 0, in place, where it would leave [0, 1].

    The bounds are 0 for a pixel on that side of the box and out of reach for any other: three
    passes where comparisons and a mask take eight.
    """
    reach = torch.finfo(image.dtype).max
    bound = (image - 1.0).mul_(reach)
    torch.maximum(gradient, bound, out=gradient)
    torch.mul(image, reach, out=bound)
    return torch.minimum(gradient, bound, out=gradient)
