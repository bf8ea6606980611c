"""Random crops with data augmentation: the batches of every stage."""

import math
import random
from collections.abc import Sequence

import torch

from training.pictures import Pictures, resize, to_unit
from training.settings import CropSettings


class CropSampler:
    """Sampler of augmented crops, (B, 3, side, side) float32 in [0, 1].

    Batch number n depends on `seed` and n alone, so a training that is resumed at any step goes
    on with the batches it would have had. `seed` names the purpose too: "0/distillation".
    """

    def __init__(self, pictures: Pictures, side: int, *, seed: str, settings: CropSettings) -> None:
        self.pictures = pictures
        self.side = side
        self.seed = seed
        self.settings = settings

    def sample_batch(self, number: int, size: int) -> torch.Tensor:
        """Batch `number`, (size, 3, side, side), in the memory format of convolutions."""
        rng = random.Random(f"{self.seed}/{number}")
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        batch = torch.stack([self._sample(rng, generator) for _ in range(size)])
        return batch.contiguous(memory_format=torch.channels_last)

    def _sample(self, rng: random.Random, generator: torch.Generator) -> torch.Tensor:
        """One crop (3, side, side): noise, or a part of a picture, augmented."""
        choice = rng.random()
        if choice < self.settings.noise:
            return self._noise(rng, generator)
        on_policy = self.pictures.on_policy
        if on_policy and choice < self.settings.noise + self.settings.on_policy:
            picture = rng.choice(on_policy)
            crop_side = min(self.side, *picture.shape[-2:])  # at the scale it was made at
        else:
            picture = rng.choice(self._choose_source(rng))
            crop_side = self._choose_side(picture, rng)
        return self._augment(self._crop(picture, crop_side, rng), rng, generator).clamp(0, 1)

    def _noise(self, rng: random.Random, generator: torch.Generator) -> torch.Tensor:
        """Gaussian noise around mid gray, standard deviation 0.016 to 0.5: where runs start."""
        deviation = 0.05 * 10 ** rng.uniform(-0.5, 1.0)
        noise = torch.randn((3, self.side, self.side), generator=generator)
        return (0.5 + deviation * noise).clamp(0, 1)

    def _choose_source(self, rng: random.Random) -> Sequence[torch.Tensor]:
        photo = rng.random() < self.settings.photos
        return self.pictures.photos if photo else self.pictures.paintings

    def _choose_side(self, picture: torch.Tensor, rng: random.Random) -> int:
        """Side of a crop in the picture's pixels: log-uniform from `side` to the short side."""
        short = min(picture.shape[-2:])
        zoom = math.exp(rng.uniform(0.0, math.log(max(1.01, short / self.side))))
        return int(min(short, self.side * zoom))

    def _crop(self, picture: torch.Tensor, crop_side: int, rng: random.Random) -> torch.Tensor:
        height, width = picture.shape[-2:]
        top, left = rng.randint(0, height - crop_side), rng.randint(0, width - crop_side)
        crop = to_unit(picture[:, top : top + crop_side, left : left + crop_side])
        return crop if crop_side == self.side else resize(crop, (self.side, self.side))

    def _augment(
        self, crop: torch.Tensor, rng: random.Random, generator: torch.Generator
    ) -> torch.Tensor:
        """Flip, other colors, other contrast and brightness, grain: each with its probability."""
        settings = self.settings
        if rng.random() < settings.flip:
            crop = crop.flip(2)
        if rng.random() < settings.permute_channels:
            crop = crop[torch.randperm(3, generator=generator)]
        if rng.random() < settings.jitter:
            contrast = rng.uniform(*settings.contrast)
            brightness = rng.uniform(-settings.brightness, settings.brightness)
            crop = (crop - 0.5) * contrast + 0.5 + brightness
        if rng.random() < settings.grain:
            deviation = rng.uniform(0.0, settings.max_grain)
            crop = crop + deviation * torch.randn(crop.shape, generator=generator)
        return crop
