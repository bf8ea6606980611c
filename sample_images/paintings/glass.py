"""Glass: a leaded window with sun, hills and water."""

import numpy as np

from paintings.brush import HEIGHT, SHAPE, WIDTH, Array, X, Y, colour, lit, mix, noise, resize, smoothstep

def glass() -> Array:
    """A leaded window: sun, sky, hills and water in pieces of coloured glass."""
    rng = np.random.default_rng(5)
    warp_x, warp_y = noise(SHAPE, 260, rng, 2) * 22, noise(SHAPE, 260, rng, 2) * 22
    owner, gap = _pieces(_seeds(rng), X + warp_x, Y + warp_y)
    big_owner, big_gap = _pieces(rng.uniform((0, 0), (WIDTH, HEIGHT), (26, 2)), X + warp_x, Y + warp_y)
    del big_owner
    tints, tilts = _glass_tints(rng, owner)
    streak = np.stack([noise(SHAPE, 90, rng, 4), noise(SHAPE, 90, rng, 4)])
    fine = resize(noise((HEIGHT // 8, WIDTH), 22, rng, 3), SHAPE)
    veins = np.where(tilts > 0, streak[0], streak[1]) * 0.10 + fine * 0.05
    light = 0.78 + 0.35 * smoothstep(0, 46, gap) + veins + 0.05 * noise(SHAPE, 5, rng, 2)
    window = np.clip(tints * light[..., None] + (veins * 0.35)[..., None], 0, 1)
    wobble = noise(SHAPE, 30, rng, 2)
    lead = np.maximum(smoothstep(8.5, 6.0, gap + wobble), smoothstep(13, 10.5, big_gap + wobble))
    relief = np.maximum((9 - gap).clip(0), (14 - big_gap).clip(0)) + 0.4 * noise(SHAPE, 6, rng, 2)
    metal = np.broadcast_to(colour("#17161a"), (*SHAPE, 3)) + 0.02 * noise(SHAPE, 8, rng)[..., None]
    return lit(mix(window, metal, lead), relief * 0.5 * lead + veins * 3, 0.9)


def _seeds(rng: np.random.Generator) -> Array:
    """Piece centres (N, 2): rings round the sun, rows elsewhere, thinned by chance."""
    sun = np.array([840, 330])
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


def _pieces(seeds: Array, x: Array, y: Array) -> tuple[NDArrayInt, Array]:
    """The nearest seed of each pixel, and how far the border to the next piece is."""
    first = np.full(x.shape, np.inf, np.float32)
    second, owner = first.copy(), np.zeros(x.shape, np.int32)
    for index, (sx, sy) in enumerate(seeds):
        far = np.hypot(x - np.float32(sx), y - np.float32(sy))
        nearer = far < first
        second = np.where(nearer, first, np.minimum(second, far))
        owner = np.where(nearer, index, owner)
        first = np.where(nearer, far, first)
    return owner, second - first
