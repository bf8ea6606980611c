"""Fused convolutions of oneDNN and cuDNN, operators of torch without a public function."""

from typing import Final

import torch

_ONE_PIXEL: Final = [1, 1]
_ALIGNMENT: Final = slice(108, 112)  # after ndims, 12 dims and the data type


def has_convolution_relu(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build and this card have it for the precision: tried, not guessed."""
    if device.type != "cuda":
        return False
    try:
        x, weight = (
            torch.zeros(size, dtype=dtype, device=device).contiguous(
                memory_format=torch.channels_last
            )
            for size in ((1, 8, 8, 8), (8, 8, 3, 3))
        )
        convolution_relu(x, weight, x.new_zeros(8), 1)
    except (AttributeError, RuntimeError):
        return False
    return True


def convolution_relu(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, padding: int
) -> torch.Tensor:
    """A convolution with a bias that ends with a ReLU, by cuDNN."""
    y: torch.Tensor = torch.ops.aten.cudnn_convolution_relu(
        x, weight, bias, _ONE_PIXEL, [padding] * 2, _ONE_PIXEL, 1
    )
    return y


# oneDNN's are the operators that torch.compile itself emits on a CPU.


def has_fused_convolution(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build and this processor have them for the precision: tried, not guessed."""
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return False
    try:
        x = torch.zeros(1, 2, 4, 4, dtype=dtype)
        weight = pack_weight(torch.zeros(2, 2, 3, 3, dtype=dtype), x.shape)
        convolution_addition(fused_convolution(x, weight, None, 1, "relu"), x, weight, 1)
    except (AttributeError, RuntimeError):
        return False
    return True


def pack_weight(weight: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """A weight in the layout for inputs of a shape (B, C_in, h, w)."""
    packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        weight.contiguous(memory_format=torch.channels_last),
        _ONE_PIXEL,
        _ONE_PIXEL,
        _ONE_PIXEL,
        1,
        list(shape),
    )
    return packed


def layout_of(packed: torch.Tensor) -> bytes:
    """The layout of a packed weight: equal for equal ones; if in doubt, one of its own.

    From oneDNN's memory descriptor, less four bytes that align it and are not initialized.
    """
    try:
        descriptor = bytes(torch.ops.mkldnn._get_mkldnn_serialized_md(packed).tolist())
    except (AttributeError, RuntimeError):
        return f"{id(packed)}".encode()
    return descriptor[: _ALIGNMENT.start] + descriptor[_ALIGNMENT.stop :]


def fused_convolution(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int, end: str
) -> torch.Tensor:
    """A convolution that ends with a ReLU, or with nothing."""
    y: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, [padding] * 2, _ONE_PIXEL, _ONE_PIXEL, 1, end, [], None
    )
    return y


def convolution_addition(
    total: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, padding: int
) -> torch.Tensor:
    """A convolution added to `total` in place."""
    y: torch.Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
        total, x, weight, None, [padding] * 2, _ONE_PIXEL, _ONE_PIXEL, 1, "add", 1.0, None, [], None
    )
    return y
