"""On-policy pictures: snapshots of stylization runs that look through the student.

A student that was trained on photos and paintings alone has never seen what the optimizer shows
it on the way from noise to a picture, and is exploited there.
"""

import random
from collections.abc import Callable, Sequence

import torch

from stylecli import stylize
from stylecli.encoder.vgg import Encoder
from stylecli.errors import StylecliError
from stylecli.transfer.results import Progress
from training.pictures import Pictures, reduce_to, to_bytes, to_unit
from training.settings import OnPolicySettings

CONTENT_LAYERS = (("relu4_2", 1.0),)
STYLE_LAYERS = tuple((f"relu{block}_1", 1.0) for block in range(1, 6))


class SnapshotCallback:
    """Progress callback that keeps the picture at some iterations, counted over all scales.

    Where a device reports only now and then, the next report after an iteration serves.
    """

    def __init__(self, iterations: Sequence[int]) -> None:
        self.pending = sorted(iterations)
        self.pictures: list[torch.Tensor] = []  # (3, H, W) in [0, 1]
        self._scale = 1
        self._before = 0  # iterations of the scales before this one
        self._last = 0

    def __call__(self, progress: Progress) -> None:
        """Called by `stylize` after an iteration."""
        if progress.scale != self._scale:
            self._scale, self._before = progress.scale, self._before + self._last
        self._last = progress.iteration
        done = self._before + progress.iteration
        if self.pending and done >= self.pending[0]:
            self.pictures.append(progress.image())
            self.pending = [iteration for iteration in self.pending if iteration > done]


def make_on_policy_pictures(
    encoder: Encoder,
    pictures: Pictures,
    settings: OnPolicySettings,
    *,
    seed: str,
    device: str,
    report: Callable[[str], None],
) -> list[torch.Tensor]:
    """Snapshots and results of random pairs through `encoder`, each (3, H, W) uint8.

    A pair that is refused, such as a picture too small for the encoder, is passed over.
    """
    entries: list[torch.Tensor] = []
    for run in range(settings.runs):
        rng = random.Random(f"{seed}/{run}")
        try:
            entries += _run_once(encoder, pictures, settings, rng, run=run, device=device)
        except StylecliError as error:
            report(f"run {run + 1} is passed over: {error}")
        report(f"run {run + 1} of {settings.runs}: {len(entries)} on-policy pictures")
    if settings.runs and not entries:
        raise StylecliError("no stylization run succeeded: there are no on-policy pictures.")
    return entries


def _run_once(
    encoder: Encoder,
    pictures: Pictures,
    settings: OnPolicySettings,
    rng: random.Random,
    *,
    run: int,
    device: str,
) -> list[torch.Tensor]:
    """One random pair at a random size and strength."""
    content = rng.choice(pictures.photos)
    painting = rng.random() < settings.paintings
    style = rng.choice(pictures.paintings if painting else pictures.photos)
    size, strength = rng.choice(settings.sizes), rng.choice(settings.strengths)
    iterations = range(1, settings.last_snapshot + 1)
    snapshots = SnapshotCallback(rng.sample(iterations, settings.snapshots))
    result = stylize(
        content,
        reduce_to(to_unit(style), settings.style_side),
        encoder=encoder,
        device=device,
        on_progress=snapshots,
        size=size,
        strength=strength,
        iterations=settings.iterations,
        seed=run,
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
    )
    results = [result.image] * settings.final_copies
    return [to_bytes(picture) for picture in (*snapshots.pictures, *results)]
