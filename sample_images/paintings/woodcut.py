"""Woodcut: a rising sun over breaking waves, black ink cut along the contours, on cream paper."""

import numpy as np

from paintings.brush import (
    HEIGHT,
    SHAPE,
    WIDTH,
    Array,
    X,
    Y,
    color,
    mix,
    noise,
    resize,
    smoothstep,
)

SUN = (880, 300, 150)


def woodcut() -> Array:
    """Lines that follow each wave, thick in its shade and thin in its light; one red block."""
    rng = np.random.default_rng(23)
    ink, red = _sky(rng)
    for number in range(11):
        ink, red = _wave(ink, red, number, rng)
    ink = np.maximum(ink, _border(rng))
    return _print(ink, red, rng)


def _sky(rng: np.random.Generator) -> tuple[Array, Array]:
    """Rays round the sun between drifting bands of cloud: ink and red, each (H, W) in [0, 1]."""
    far = np.hypot(X - SUN[0], Y - SUN[1])
    angle = np.arctan2(Y - SUN[1], X - SUN[0])
    wander = noise(SHAPE, 240, rng, 3)
    rays = np.sin(angle * 96 + wander * 0.5) - 0.75 + 0.85 * smoothstep(170, 620, far)
    bands = np.sin(2 * np.pi * (Y + 26 * wander + 12 * np.sin(X / 140)) / 17)
    drift = resize(noise((HEIGHT, WIDTH // 4), 150, rng, 3), SHAPE)  # clouds lie along the horizon
    cloud = smoothstep(0.25, 0.75, drift * 0.45 + 0.3)
    tone = 0.5 + 0.9 * noise(SHAPE, 160, rng, 2)
    ink = np.where(cloud > 0.5, _line(bands, 0.9 - 0.6 * tone), _line(rays, 0.2 - 0.15 * wander))
    edge = smoothstep(4.5, 2.5, np.abs(cloud - 0.5) * 90)
    disc = smoothstep(SUN[2] + 1.5, SUN[2] - 1.5, far + 2 * wander)
    grain = _line(np.sin(2 * np.pi * (Y + 7 * wander) / 21), 0.93 - 0.5 * smoothstep(200, 460, Y))
    ring = smoothstep(4, 2, np.abs(far + 2 * wander - SUN[2] - 9))
    return np.maximum(np.maximum(ink, edge) * (far > SUN[2] + 8), ring), disc * (1 - 0.9 * grain)


def _line(wave: Array, threshold: Array) -> Array:
    """Ink where a wave in [-1, 1] is above the threshold, with an edge of about a pixel."""
    return smoothstep(-0.22, 0.22, wave - threshold)


def _wave(ink: Array, red: Array, number: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Print one wave over what lies behind it; the nearer (higher number), the larger."""
    near = number / 10
    crest, foam = _crest(near, rng)
    depth = Y - crest
    inside = smoothstep(-1, 1, depth)
    wander = noise(SHAPE, 150, rng, 3)
    pitch = 11 + 9 * near
    slope = np.interp(X + 0.45 * depth + 9 * wander, X[0], np.gradient(crest[0]))
    glint = 0.45 * np.exp(-depth.clip(0) / (30 + 40 * near))
    light = 0.55 * np.tanh(2.2 * slope) + glint + 0.25 * wander - 0.12
    along = np.sin(2 * np.pi * (depth + 5 * wander) / pitch)
    body = _line(along, light * 1.15 - 0.05)
    cross = np.sin(2 * np.pi * (X + depth * 0.8 + 5 * wander) / (pitch * 1.15))
    shade = _line(cross, 1.15 + 1.3 * light) * inside
    outline = smoothstep(3.5 + 3 * near, 1.5 + 2.5 * near, np.abs(depth))
    spray = _foam(depth, foam, near, rng)
    fresh = np.maximum(np.maximum(body, shade) * (1 - spray), outline)
    keep = 1 - inside
    return np.maximum(ink * keep, fresh * np.maximum(inside, outline)), red * keep


def _crest(near: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """The height of the wave over every column (1, W), and where it breaks."""
    x = X[:1]
    length = 150 + 330 * near
    drift = 0.7 * np.sin(x / (length * 1.7) + rng.random() * 6)
    phase = 2 * np.pi * (x / length + rng.random()) + drift
    phase += 0.55 * np.sin(phase + 0.4)  # one flank steeper than the other
    peak = np.abs(np.sin(phase / 2))
    swell = 0.55 + 0.45 * np.sin(x / (310 + 200 * near) + rng.random() * 6)
    top = 500 + 470 * near**1.25
    height = (1 - peak) ** 1.3 * swell
    return top - (46 + 175 * near) * height + 8 * np.sin(x / 47 + 5 * near), height


def _foam(depth: Array, breaking: Array, near: float, rng: np.random.Generator) -> Array:
    """White scallops under the breaking parts of a crest, (H, W)."""
    lobes = noise(SHAPE, 34 + 40 * near, rng, 3)
    reach = (22 + 80 * near) * breaking.clip(0) ** 0.6
    return smoothstep(0, -3, depth - reach + 9 * lobes * (0.5 + near))


def _border(rng: np.random.Generator) -> Array:
    """The edge of the block, cut by hand."""
    margin = np.minimum(np.minimum(X, WIDTH - X), np.minimum(Y, HEIGHT - Y))
    margin = margin + 2 * noise(SHAPE, 90, rng)
    return smoothstep(20, 18, margin) * smoothstep(8, 10, margin)


def _print(ink: Array, red: Array, rng: np.random.Generator) -> Array:
    """Press the two blocks on paper: fibers, wood grain and ink that did not take everywhere."""
    fibers = noise((HEIGHT, WIDTH), 9, rng, 3)
    wood = np.sin(Y / 5 + 3 * noise(SHAPE, 330, rng, 2)) * 0.5 + 0.5 * noise(SHAPE, 14, rng, 2)
    paper = color("#efe3c4") * (1 + 0.025 * fibers + 0.03 * noise(SHAPE, 300, rng))[..., None]
    takes = smoothstep(-2.6, -1.2, fibers * 0.8 + wood * 0.5)
    printed = mix(paper, color("#c8371f") * (1 + 0.07 * wood)[..., None], red * takes * 0.95)
    black = color("#1a1614") * (1 + 0.35 * (wood + 1))[..., None]
    return np.clip(mix(printed, black, ink * (0.72 + 0.25 * takes)), 0, 1).astype(np.float32)
