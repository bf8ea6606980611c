"""Noise, brush strokes, light and paper: what the paintings are made of."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 1280, 1024  # twice the size of a finished picture
SHAPE = (HEIGHT, WIDTH)
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def noise(shape: tuple[int, int], cell: float, rng: np.random.Generator, octaves: int = 3) -> Array:
    """Smooth noise of mean 0 and deviation 1, (H, W); `cell` is its largest feature in pixels."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = cell / 2**octave
        grid = (max(2, round(shape[0] / step) + 3), max(2, round(shape[1] / step) + 3))
        total += resize(rng.standard_normal(grid).astype(np.float32), shape) / 2**octave
    centered = total - total.mean()
    return centered / max(float(centered.std()), 1e-6)


def resize(plane: Array, shape: tuple[int, int]) -> Array:
    """Bicubic resizing of one plane (h, w) to `shape`."""
    image = Image.fromarray(plane).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, an S between; falls if `low` is the larger."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: Array, second: Array, share: Array | np.floating[Any]) -> Array:
    """From `first` (share 0) to `second` (share 1); colors (H, W, 3) or (3,), share (H, W)."""
    weight = np.asarray(share)[..., None]
    return first * (1 - weight) + second * weight


def color(code: str) -> Array:
    """`#ffcc00` as three numbers in [0, 1]."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


@dataclass
class Canvas:
    """Wet paint: colors (H, W, 3) in [0, 1] and the height of the paint (H, W)."""

    pixels: Array
    height: Array = field(init=False)

    def __post_init__(self) -> None:
        self.height = np.zeros(self.pixels.shape[:2], np.float32)

    def stroke(
        self, path: Array, radius: float, tint: Array, rng: np.random.Generator, body: float = 1.0
    ) -> None:
        """Drag a bristle brush along `path` (N, 2) of (x, y); `body` is the thickness of paint."""
        rows, columns, area = self._area(path, radius)
        if area is None:
            return
        along, across = _brush_coordinates(path, radius, rows, columns)
        bristles = _bristles(along, across, rng)
        ragged = 0.06 + 0.05 * bristles  # where each bristle touches down and lifts
        ends = smoothstep(0, 1, along / (ragged + 0.03)) * smoothstep(
            0, 1, (1 - along) / (2.2 * ragged + 0.03)
        )
        cover = smoothstep(1.0, 0.82, np.abs(across)) * ends * np.clip(0.93 + 0.16 * bristles, 0, 1)
        light = 1 + 0.10 * bristles + 0.05 * across
        paint = np.clip(tint * light[..., None], 0, 1)
        self.pixels[area] = mix(self.pixels[area], paint, cover)
        ridge = 0.6 + 0.35 * bristles + 0.7 * across**4  # paint is pushed to the sides
        self.height[area] += cover * (body * ridge * radius * 0.16 - 0.55 * self.height[area])

    def _area(self, path: Array, radius: float) -> tuple[Array, Array, tuple[slice, slice] | None]:
        left, top = np.floor(path.min(0) - radius - 1).astype(int).clip(0)
        right, bottom = np.ceil(path.max(0) + radius + 2).astype(int)
        bottom, right = min(bottom, self.height.shape[0]), min(right, self.height.shape[1])
        rows = np.arange(top, bottom, dtype=np.float32)[:, None]
        columns = np.arange(left, right, dtype=np.float32)[None]
        empty = bottom <= top or right <= left
        return rows, columns, None if empty else (slice(top, bottom), slice(left, right))


def _brush_coordinates(
    path: Array, radius: float, rows: Array, columns: Array
) -> tuple[Array, Array]:
    """Along the stroke in [0, 1] and across it in [-1, 1] inside, for each pixel nearby."""
    best = np.full((rows.size, columns.size), np.inf, np.float32)
    along, across = np.zeros_like(best), np.zeros_like(best)
    count = len(path) - 1
    for index in range(count):
        (ax, ay), (bx, by) = path[index], path[index + 1]
        dx, dy = bx - ax, by - ay
        squared = dx * dx + dy * dy + 1e-6
        px, py = columns - ax, rows - ay
        share = np.clip((px * dx + py * dy) / squared, 0, 1)
        far = np.hypot(px - share * dx, py - share * dy)
        nearer = far < best
        side = np.sign(px * dy - py * dx)
        best = np.where(nearer, far, best)
        along = np.where(nearer, (index + share) / count, along)
        across = np.where(nearer, side * far / radius, across)
    return along, across


def _bristles(along: Array, across: Array, rng: np.random.Generator) -> Array:
    """Streaks along the stroke, about -2 to 2: bilinear look-up in a small random table."""
    table = rng.standard_normal((5, 16)).cumsum(0) * 0.5 + rng.standard_normal((1, 16)) * 0.8
    y = np.clip(along, 0, 0.999) * 4
    x = np.clip((across + 1) / 2, 0, 0.999) * 15
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = y - y0, x - x0
    upper = table[y0, x0] * (1 - fx) + table[y0, x0 + 1] * fx
    lower = table[y0 + 1, x0] * (1 - fx) + table[y0 + 1, x0 + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)


def follow(start: Array, direction: Array, length: float, steps: int, sway: float = 0.0) -> Array:
    """The path (steps + 1, 2) that a brush takes from `start` along an angle field (H, W)."""
    points = [start]
    for _ in range(steps):
        x, y = points[-1]
        row = int(np.clip(y, 0, direction.shape[0] - 1))
        column = int(np.clip(x, 0, direction.shape[1] - 1))
        angle = direction[row, column] + sway
        move = np.array([np.cos(angle), np.sin(angle)], np.float32) * (length / steps)
        points.append(points[-1] + move)
    return np.array(points, np.float32)


def lit(pixels: Array, height: Array, strength: float) -> Array:
    """Raking light from the upper left over the relief of the paint."""
    slope_y, slope_x = np.gradient(height)
    shade = np.tanh(strength * (slope_x * 0.7 + slope_y))[..., None]
    return np.clip(pixels * (1 + 0.45 * shade) + 0.10 * np.maximum(shade, 0), 0, 1)


def weave(shape: tuple[int, int], rng: np.random.Generator, thread: float = 5.0) -> Array:
    """The relief of a canvas, deviation about 1: crossing threads of uneven thickness."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    wander = noise(shape, 60, rng) * 0.5
    threads = np.sin(2 * np.pi * x / thread + wander) + np.sin(2 * np.pi * y / thread + wander)
    return threads * 0.6 + noise(shape, 4, rng, 2) * 0.6
