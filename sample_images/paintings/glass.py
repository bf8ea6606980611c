"""Glass: a leaded window with sun, hills and water."""

import numpy as np

from paintings.brush import (
    HEIGHT,
    SHAPE,
    WIDTH,
    Array,
    X,
    Y,
    color,
    lit,
    mix,
    noise,
    resize,
    smoothstep,
)

SUN = (840, 330)


def glass() -> Array:
    """A leaded window: sun, sky, hills and water in pieces of colored glass."""
    rng = np.random.default_rng(5)
    warp_x, warp_y = noise(SHAPE, 260, rng, 2) * 22, noise(SHAPE, 260, rng, 2) * 22
    seeds = _seeds(rng)
    owner, gap = _pieces(seeds, X + warp_x, Y + warp_y)
    big = rng.uniform((0, 0), (WIDTH, HEIGHT), (26, 2)).astype(np.float32)
    _, big_gap = _pieces(big, X + warp_x, Y + warp_y)
    tints, tilts = _tints(rng, seeds, owner)
    streak = np.stack([noise(SHAPE, 90, rng, 4), noise(SHAPE, 90, rng, 4)])
    fine = resize(noise((HEIGHT // 8, WIDTH), 22, rng, 3), SHAPE)
    veins = np.where(tilts > 0, streak[0], streak[1]) * 0.10 + fine * 0.05
    light = 0.78 + 0.35 * smoothstep(0, 30, gap) + veins + 0.05 * noise(SHAPE, 5, rng, 2)
    window = np.clip(tints * light[..., None] + (veins * 0.35)[..., None], 0, 1)
    wobble = noise(SHAPE, 30, rng, 2)
    lead = np.maximum(smoothstep(5.5, 3.5, gap + 0.6 * wobble), smoothstep(9, 7, big_gap + wobble))
    relief = np.maximum((6 - gap).clip(0), (10 - big_gap).clip(0)) + 0.4 * noise(SHAPE, 6, rng, 2)
    metal = np.broadcast_to(color("#17161a"), (*SHAPE, 3)) + 0.02 * noise(SHAPE, 8, rng)[..., None]
    return lit(mix(window, metal, lead), relief * 0.5 * lead + veins * 3, 0.9)


def _seeds(rng: np.random.Generator) -> Array:
    """Piece centers (N, 2): rings round the sun, rows elsewhere, thinned by chance."""
    sun = np.array(SUN)
    rings = [
        sun + radius * np.array([np.cos(a), np.sin(a)])
        for number, radius in ((1, 0), (9, 78), (16, 150), (22, 232), (28, 330), (34, 440))
        for a in np.linspace(0, 2 * np.pi, number, endpoint=False) + radius
    ]
    loose = rng.uniform((0, 0), (WIDTH, HEIGHT), (900, 2))
    kept: list[Array] = [np.asarray(p) + rng.normal(0, 5, 2) for p in rings]
    for point in loose:
        wanted = 44 if point[1] > 640 else 62
        if min(np.hypot(*(point - other)) for other in kept) > wanted:
            kept.append(point)
    return np.array(kept, np.float32)


def _pieces(seeds: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """The nearest seed of each pixel, and how far the border to the next piece is."""
    first = np.full(x.shape, np.inf, np.float32)
    second, owner = first.copy(), np.zeros(x.shape, np.float32)
    for index, (sx, sy) in enumerate(seeds):
        far = np.hypot(x - np.float32(sx), y - np.float32(sy))
        nearer = far < first
        second = np.where(nearer, first, np.minimum(second, far))
        owner = np.where(nearer, index, owner)
        first = np.where(nearer, far, first)
    gap = second - first
    down, right = np.gradient(gap)
    steep = np.maximum(np.hypot(down, right), 0.35)  # how fast the gap opens: 2 where seeds face
    return owner, gap / steep


SUN_GLASS = ("#ffe27a", "#fbb92c", "#f2871d", "#d8431f", "#b3202e", "#f6c94d")
SKY_GLASS = ("#1f4fae", "#3f8fd0", "#7cc3d8", "#16307a", "#5a4bb0", "#a8d8d0")
HILL_GLASS = ("#1d7a46", "#5fae3c", "#0f5a4e", "#b8c43a", "#2f9a74")
WATER_GLASS = ("#0f6f8a", "#2aa7a5", "#173f86", "#6a2f8c", "#c23b77")


def _tints(rng: np.random.Generator, seeds: Array, owner: Array) -> tuple[Array, Array]:
    """The color (H, W, 3) of each piece, and which way its streaks run (H, W), 1 or -1."""
    tints = np.array([_tint(rng, x, y) for x, y in seeds], np.float32)
    tilts = rng.choice(np.array([-1, 1], np.float32), len(seeds))
    index = owner.astype(np.int64)
    return tints[index], tilts[index]


def _tint(rng: np.random.Generator, x: float, y: float) -> Array:
    """A piece of glass for the place (x, y)."""
    far = float(np.hypot(x - SUN[0], y - SUN[1]))
    hills = 690 + 60 * np.sin(x / 170) + 40 * np.sin(x / 71)
    if y > hills + 130:
        box: tuple[str, ...] = WATER_GLASS
    elif y > hills:
        box = HILL_GLASS
    elif far < 190 or (far < 480 and np.sin(9 * np.arctan2(y - SUN[1], x - SUN[0])) > 0.45):
        box = SUN_GLASS
    else:
        box = SKY_GLASS
    place = min(int(far / 42), len(box) - 1) if far < 190 else int(rng.integers(len(box)))
    return np.clip(color(box[place]) * rng.normal(1, 0.10) + rng.normal(0, 0.03, 3), 0, 1)
