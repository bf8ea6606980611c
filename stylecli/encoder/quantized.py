"""The original VGG-19 in 8 bits: dequantized and made to take what our encoders take.

The file holds, for each convolution, indices (C_out, C_in, 3, 3) into a table of 256 values, and
a bias. Its network takes BGR in [0, 255] less a mean color, as Caffe's models do; ours takes RGB
in [0, 1] normalized by ImageNet's mean and standard deviation. The first convolution absorbs the
difference, which is exact where its input is padded by replication.
"""

from pathlib import Path
from typing import Any, Final

import numpy
import torch

from stylecli.encoder.architecture import Plan
from stylecli.encoder.vgg import IMAGENET_MEAN, IMAGENET_STD
from stylecli.errors import WeightsError

CAFFE_MEAN: Final = (123.68, 116.779, 103.939)  # of R, G and B in [0, 255]


def read_quantized(path: Path, plan: Plan) -> dict[str, torch.Tensor]:
    """Convolutions of `plan` as float32, keyed as torchvision's: `0.weight`, `0.bias`.

    The file's hash has been checked, so it is read without a cache of its own: 0.2 s, about as
    long as four times the bytes would take in float32. Raises `WeightsError`.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights: dict[str, torch.Tensor] = {}
        for index, name in plan.convolutions:
            key = f"block{name[4]}_{name[:4]}{name[-1]}"  # conv1_2 is block1_conv2
            weights[f"{index}.weight"] = _dequantized(state, key)
            weights[f"{index}.bias"] = state[f"{key}_b"].float()
    except (OSError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise WeightsError(f"{path} does not hold the original VGG-19 in 8 bits.") from error
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise WeightsError(f"{path} has NaN or infinite values: use an intact file.")
    return absorb_input(weights)


def absorb_input(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights with a first convolution that takes normalized RGB instead of Caffe's BGR.

    With x normalized, the network's input is 255·(std·x + mean) − caffe_mean for each color.
    """
    mean, std, caffe = (
        torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)
        for values in (IMAGENET_MEAN, IMAGENET_STD, CAFFE_MEAN)
    )
    weight = weights["0.weight"].double().flip(1)  # BGR to RGB
    bias = weights["0.bias"].double() + (weight * (255.0 * mean - caffe)).sum((1, 2, 3))
    first = {"0.weight": (weight * 255.0 * std).float(), "0.bias": bias.float()}
    return {**weights, **first}


def _dequantized(state: dict[str, Any], key: str) -> torch.Tensor:
    """W = table[indices]; numpy's `take` needs no 8-byte copy of the indices."""
    table, indices = state[f"{key}_W_table"].float().numpy(), state[f"{key}_W_q"].numpy()
    return torch.from_numpy(numpy.take(table, indices))
