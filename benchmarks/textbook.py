"""The Gatys loop as tutorials and neural-style-pt run it: what the benchmark compares with.

float32, channels first, autograd, near-gray random start, one size, torch's L-BFGS with a
history of 100. The objective is ours (relative losses), so that both sides minimize the same.
"""

import torch

from stylecli.encoder.registry import content_layers, style_layers
from stylecli.encoder.vgg import Encoder
from stylecli.transfer.objective.losses import relative_distance

HISTORY = 100


def textbook_gram(features: torch.Tensor) -> torch.Tensor:
    """F Fᵀ / N of (1, C, h, w)."""
    rows = features.flatten(2)
    return rows @ rows.mT / rows.shape[-1]


class Textbook:
    """One picture being optimized; `run` evaluates the objective once an iteration."""

    def __init__(
        self,
        encoder: Encoder,
        content: torch.Tensor,
        style: torch.Tensor,
        alpha: float,
        beta: float,
    ) -> None:
        self.encoder, self.alpha, self.beta = encoder, alpha, beta
        self.content_layers = content_layers(encoder.spec, None)
        layers = style_layers(encoder.spec, None)
        total = sum(weight for _, weight in layers)
        self.style_layers = [(name, weight / total) for name, weight in layers]
        self.names = [name for name, _ in (*self.content_layers, *self.style_layers)]
        with torch.no_grad():
            self.content = encoder(content, self.names)
            grams = encoder(style, self.names)
            self.grams = {name: textbook_gram(grams[name]) for name, _ in self.style_layers}
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(content.shape, generator=generator)
        self.image = (0.5 + 0.05 * noise).clamp(0, 1).requires_grad_()
        self.optimizer = torch.optim.LBFGS(
            [self.image], history_size=HISTORY, tolerance_change=-1.0, tolerance_grad=-1.0
        )

    def objective(self) -> torch.Tensor:
        """J of the image as it is, a scalar with a graph."""
        features = self.encoder(self.image, self.names)
        content = sum(
            (w * relative_distance(features[n], self.content[n]).sum())
            for n, w in self.content_layers
        )
        style = sum(
            (w * relative_distance(textbook_gram(features[n]), self.grams[n]).sum())
            for n, w in self.style_layers
        )
        return torch.as_tensor(self.alpha * content + self.beta * style)

    def run(self, iterations: int) -> None:
        """Go on for some iterations; the picture is clamped after them, as the tutorials do."""
        self.optimizer.param_groups[0].update(max_iter=iterations, max_eval=iterations)
        self.optimizer.step(self._closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.image.clamp_(0, 1)

    def _closure(self) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = self.objective()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss
