"""Resampling, and its transpose, which is the vector-Jacobian product of a resize.

`resize` takes pictures and `resize_mask` masks to any size; `halve` and `double` are the two steps
that a pyramid needs, with `resize_mask`'s triangle filter, some ten times as fast as the general
transpose on a CPU.
"""

import functools
from typing import Final

import torch
from torch.nn import functional as F

Size = tuple[int, int]  # height, width

LEAST_ALPHA: Final = 1 / 16  # that colors are divided by; under it, they are resized as they are


def resize_mask(image: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize (B, C, H, W) to `size` by bilinear interpolation with antialiasing: for masks."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def half(size: Size) -> Size:
    """Half of a size, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def reductions(size: Size, most: int | None, smallest: float) -> list[Size]:
    """A size, its half, its quarter, ... as long as sides reach `smallest`: `most`, or all."""
    sizes = [size]
    while (most is None or len(sizes) < most) and min(half(sizes[-1])) >= smallest:
        sizes.append(half(sizes[-1]))
    return sizes


def double(image: torch.Tensor, size: Size) -> torch.Tensor:
    """Upsample (B, C, h, w) by 2, bilinearly, cut to `size`, of which (h, w) is the `half`.

    By hand on a CPU, since torch's own interpolation rounds differently there from one number of
    threads to another, and a picture must not depend on that.
    """
    on_cpu = image.device.type == "cpu"
    wide = _spread_pairs(_spread_pairs(image, -2), -1) if on_cpu else interpolate_twice(image)
    return wide[..., : size[0], : size[1]]


def double_transposed(gradient: torch.Tensor) -> torch.Tensor:
    """The transpose of `double`: (B, C, H, W) to its half."""
    odd_rows, odd_columns = gradient.shape[-2] % 2, gradient.shape[-1] % 2
    if odd_rows or odd_columns:
        gradient = F.pad(gradient, (0, odd_columns, 0, odd_rows))
    if gradient.device.type == "cpu":
        return _gather_pairs(_gather_pairs(gradient, -2), -1)
    return filter_pairs(gradient)


def halve(image: torch.Tensor) -> torch.Tensor:
    """Downsample (B, C, H, W) by 2, filter (1, 3, 3, 1)/8 both ways, edges replicated."""
    odd_rows, odd_columns = image.shape[-2] % 2, image.shape[-1] % 2
    if odd_rows or odd_columns:
        image = F.pad(image, (0, odd_columns, 0, odd_rows), mode="replicate")
    return double_transposed(image).mul_(0.25)


def halve_transposed(gradient: torch.Tensor, size: Size) -> torch.Tensor:
    """The transpose of `halve` from `size`: (B, C, h, w) to (B, C, *size)."""
    height, width = size
    full = double(gradient * 0.25, (height + height % 2, width + width % 2))
    if height % 2:
        full[..., -2, :] += full[..., -1, :]
    if width % 2:
        full[..., -2] += full[..., -1]
    return full[..., :height, :width]


def mirror(image: torch.Tensor, margin: int) -> torch.Tensor:
    """Reflection padding of (B, C, H, W) by `margin` pixels, at most a side, edges repeated."""
    if not margin:
        return image
    height, width = image.shape[-2:]
    wide = image.new_empty((*image.shape[:2], height + 2 * margin, width + 2 * margin))
    wide[..., margin : margin + height, margin : margin + width] = image
    for dim in (2, 3):
        for beyond, within in _edges(wide, dim, margin):
            beyond.copy_(within.flip(-1))
    return wide


def mirror_transposed(gradient: torch.Tensor, margin: int) -> torch.Tensor:
    """The transpose of `mirror`: a view of the gradient, which is written to, without margins."""
    for dim in (3, 2):
        for beyond, within in _edges(gradient, dim, margin):
            within.add_(beyond.flip(-1))
    height, width = (side - 2 * margin for side in gradient.shape[-2:])
    return gradient[..., margin : margin + height, margin : margin + width]


def _edges(wide: torch.Tensor, dim: int, margin: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Margins beyond the picture along an axis, and as much of what is within; that axis last.

    Both ends in one view, (…, 2, …, margin); one after the other where they meet within.
    """
    if not margin:
        return []
    side = wide.shape[dim] - 2 * margin
    beyond = wide.unfold(dim, margin, side + margin)
    if side >= 2 * margin:
        return [(beyond, wide.narrow(dim, margin, side).unfold(dim, margin, side - margin))]
    ends = (wide.narrow(dim, start, margin).unfold(dim, margin, 1) for start in (margin, side))
    return [(beyond.narrow(dim, index, 1), within) for index, within in enumerate(ends)]


def fit(size: Size, long_side: int) -> Size:
    """The size with the given long side and the same aspect ratio, to the nearest pixel."""
    height, width = size
    if height >= width:
        return long_side, max(1, round(width * long_side / height))
    return max(1, round(height * long_side / width)), long_side


def resize(image: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize (B, C, H, W) in [0, 1] to `size` by bicubic interpolation with antialiasing.

    For pictures. Sharper than `resize_mask`, which would blur the strokes that are to be matched;
    not linear, since what overshoots at an edge is clamped.
    """
    if tuple(image.shape[-2:]) == size:
        return image
    resized = F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0.0, 1.0)


def resize_visible(image: torch.Tensor, alpha: torch.Tensor | None, size: Size) -> torch.Tensor:
    """Resize (B, 3, H, W) under `alpha` (B, 1, H, W), with premultiplied colors.

    So what cannot be seen leaves no fringe (Porter & Duff 1984). Without alpha as `resize`.
    """
    plain = resize(image, size)
    if alpha is None or plain is image:
        return plain
    planes = torch.cat([image * alpha, alpha], 1)
    planes = F.interpolate(planes, size, mode="bicubic", antialias=True, align_corners=False)
    weight = planes[:, 3:]
    color = (planes[:, :3] / weight.clamp_min(LEAST_ALPHA)).clamp(0.0, 1.0)
    return torch.where(weight > LEAST_ALPHA, color, plain)


def interpolate_twice(x: torch.Tensor) -> torch.Tensor:
    """Bilinear interpolation of (B, C, h, w) at twice the size: one kernel of the library."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def filter_pairs(x: torch.Tensor) -> torch.Tensor:
    """Filter (1, 3, 3, 1)/4 both ways at every second place of (B, C, H, W), edges replicated.

    H and W are even. A convolution: one kernel beside the padding, where a CPU takes many passes.
    """
    batch, channels, height, width = x.shape
    planes = F.pad(x, (1, 1, 1, 1), mode="replicate").view(-1, 1, height + 2, width + 2)
    reduced = F.conv2d(planes, _filter_on(x.device, x.dtype), stride=2)
    return reduced.view(batch, channels, height // 2, width // 2)


@functools.cache
def _filter_on(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    # Kept: a copy from the host waits for the device, and no CUDA graph may hold one.
    line = torch.tensor((0.25, 0.75, 0.75, 0.25), dtype=dtype, device=device)
    return torch.outer(line, line)[None, None]


def _gather_pairs(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Along one axis of even length, (1, 3, 3, 1)/4 over each pair and its neighbors.

    Beyond the ends the first and the last value count again.
    """
    n = x.shape[dim] // 2
    first, second = (x[_every_second(dim, start)] for start in (0, 1))
    pairs = (first + second).mul_(0.75)
    pairs.narrow(dim, 1, n - 1).add_(second.narrow(dim, 0, n - 1), alpha=0.25)
    pairs.narrow(dim, 0, n - 1).add_(first.narrow(dim, 1, n - 1), alpha=0.25)
    pairs.narrow(dim, 0, 1).add_(first.narrow(dim, 0, 1), alpha=0.25)
    pairs.narrow(dim, n - 1, 1).add_(second.narrow(dim, n - 1, 1), alpha=0.25)
    return pairs


def _spread_pairs(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Along one axis, two values for each: 3/4 of it and 1/4 of the neighbor on their side."""
    n = x.shape[dim]
    shape = list(x.shape)
    shape[dim] = 2 * n
    wide = x.new_empty(shape)
    first, second = (wide[_every_second(dim, start)] for start in (0, 1))
    quarter = x * 0.25
    near = x - quarter
    for half_of, begin, neighbor, end in ((first, 1, 0, 0), (second, 0, 1, n - 1)):
        torch.add(
            near.narrow(dim, begin, n - 1),
            quarter.narrow(dim, neighbor, n - 1),
            out=half_of.narrow(dim, begin, n - 1),
        )
        half_of.narrow(dim, end, 1).copy_(x.narrow(dim, end, 1))
    return wide


def _every_second(dim: int, start: int) -> tuple[slice, ...]:
    rows, columns = (slice(start, None, 2) if axis == dim else slice(None) for axis in (-2, -1))
    return (slice(None), slice(None), rows, columns)
