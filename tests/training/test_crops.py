"""Batches of crops."""

from dataclasses import replace

import pytest
import torch

from training.crops import CropSampler
from training.settings import CropSettings

from .conftest import plain_pictures

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = CropSettings(noise=0.0, on_policy=0.0, flip=0, permute_channels=0, jitter=0, grain=0)


def sampled_colors(settings: CropSettings) -> set[float]:
    sampler = CropSampler(plain_pictures(), 16, seed="0/test", settings=settings)
    batch = sampler.sample_batch(0, 40)
    assert batch.shape == (40, 3, 16, 16)
    return {round(float(crop.median()), 4) for crop in batch}


def test_crops_come_from_the_sources_that_the_shares_say() -> None:
    assert sampled_colors(replace(PLAIN, photos=1.0)) == {0.2}
    assert sampled_colors(replace(PLAIN, photos=0.0)) == {0.4}
    assert sampled_colors(replace(PLAIN, on_policy=1.0)) == {0.6}
    assert sampled_colors(replace(PLAIN, on_policy=0.5, photos=0.5)) == {0.2, 0.4, 0.6}


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    def sampler(seed: str) -> CropSampler:
        return CropSampler(plain_pictures(), 16, seed=seed, settings=CropSettings())

    first = sampler("0/a")
    first.sample_batch(4, 2)
    batch = first.sample_batch(5, 2)
    assert torch.equal(batch, sampler("0/a").sample_batch(5, 2))
    assert not torch.equal(batch, sampler("0/a").sample_batch(6, 2))
    assert not torch.equal(batch, sampler("1/a").sample_batch(5, 2))
    assert batch.min() >= 0.0 and batch.max() <= 1.0


def test_a_picture_smaller_than_a_crop_is_enlarged() -> None:
    sampler = CropSampler(plain_pictures(), 64, seed="0/test", settings=PLAIN)
    assert sampler.sample_batch(0, 2).shape == (2, 3, 64, 64)
