"""Night: a swirling sky over a harbour, in thick oil."""

import numpy as np

from paintings.brush import (
    HEIGHT,
    SHAPE,
    WIDTH,
    Array,
    Canvas,
    X,
    Y,
    color,
    follow,
    lit,
    mix,
    noise,
    smoothstep,
    weave,
)

ORBS = ((985, 215, 92), (300, 170, 44), (560, 330, 30), (720, 110, 24), (120, 400, 34),
        (1180, 470, 26), (440, 90, 18), (800, 440, 20))  # fmt: skip
HORIZON = 700


def night() -> Array:
    """Blue swirls and warm lights in thick strokes at four sizes."""
    rng = np.random.default_rng(11)
    direction, target = _flow(rng), _colors(rng)
    canvas = Canvas(target * 0.85)
    for radius, length, count in ((26, 190, 900), (15, 120, 2300), (8, 70, 4200), (4.5, 46, 3600)):
        for _ in range(count):
            start = np.array([rng.uniform(-40, WIDTH), rng.uniform(-20, HEIGHT)], np.float32)
            column, row = start.clip((0, 0), (WIDTH - 1, HEIGHT - 1)).astype(int)
            path = follow(start, direction, length * rng.uniform(0.5, 1.2), 7, rng.normal(0, 0.06))
            tint = target[row, column] * rng.normal(1, 0.13) + rng.normal(0, 0.022, 3)
            if rng.random() < 0.10 and radius < 20:
                tint = mix(tint, color("#d9e6e2"), np.float32(rng.uniform(0.2, 0.6)))
            canvas.stroke(path, radius * rng.uniform(0.7, 1.2), np.clip(tint, 0, 1), rng)
    return lit(canvas.pixels, canvas.height + 0.06 * weave(SHAPE, rng), 1.3)


def _flow(rng: np.random.Generator) -> Array:
    """Angles of a divergence-free flow: noise, a vortex round every light, calm water below."""
    potential = noise(SHAPE, 520, rng, 2) * 70
    for x, y, size in ORBS:
        far = np.hypot(X - x, Y - y)
        potential *= 1 - 0.85 * np.exp(-((far / (size * 2.2)) ** 2))
        potential += 3.2 * size * np.exp(-((far / (size * 2.6)) ** 2)) * rng.choice([-1, 1])
    down, right = np.gradient(potential)
    sky = np.arctan2(-right, down + 0.12)
    water = 0.16 * noise(SHAPE, 130, rng, 2)
    hills = 0.5 * noise(SHAPE, 300, rng, 1)
    band = np.where(_skyline() < Y, hills, sky)
    return np.where(Y > HORIZON, water, band).astype(np.float32)


def _skyline() -> Array:
    """The height of the hills over every column."""
    return HORIZON - 55 - 42 * np.sin(X / 150 + 1) - 22 * np.sin(X / 61) - 40 * np.sin(X / 410)


def _colors(rng: np.random.Generator) -> Array:
    blues = [color(c) for c in ("#0b1a4a", "#16358a", "#2a62b8", "#5d9fce")]
    pick = (noise(SHAPE, 150, rng, 3) * 0.9 + 2.0 - 0.4 * smoothstep(0, 500, 500 - Y)).clip(0, 3)
    picture = np.zeros((*SHAPE, 3), np.float32)
    for index, tint in enumerate(blues):
        picture += np.maximum(0, 1 - np.abs(pick - index))[..., None] * tint
    for x, y, size in ORBS:
        picture = _glow(picture, np.hypot(X - x, Y - y) / size)
    hills = _skyline() < Y
    dark = mix(color("#0a1630"), color("#1d5a55"), smoothstep(-0.5, 1.5, noise(SHAPE, 90, rng)))
    picture = np.where(hills[..., None], dark, picture)
    mirrored = np.take(picture, np.clip(2 * HORIZON - 330 - np.arange(HEIGHT), 0, 500), axis=0)
    water = mix(mirrored, color("#0d2450"), 0.35 + 0.3 * smoothstep(HORIZON, HEIGHT, Y))
    for x, _, size in ORBS:  # the lights' paths on the water
        near = np.exp(-(((X - x) / (size * 0.55 + (Y - HORIZON).clip(0) * 0.06 + 6)) ** 2))
        broken = smoothstep(-0.4, 0.5, noise(SHAPE, 40, rng, 2))
        water = mix(water, color("#f5b83d"), 0.9 * near * broken)
    return np.where((Y > HORIZON)[..., None], water, picture).astype(np.float32)


def _glow(picture: Array, far: Array) -> Array:
    """Rings round a light, from white-hot to teal; `far` in radii."""
    rings = (("#2f7f9c", 3.4, 0.55), ("#7fb7a4", 2.5, 0.75), ("#e8c452", 1.75, 0.85),
             ("#f29d1f", 1.25, 0.95), ("#ffe27a", 0.85, 1.0), ("#fff6cf", 0.45, 1.0))  # fmt: skip
    for code, radius, strength in rings:
        picture = mix(picture, color(code), strength * smoothstep(radius, radius * 0.72, far))
    return picture
