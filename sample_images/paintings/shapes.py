"""Shapes: circles, wedges, arcs and lines glazed in warm and cool colors."""

import numpy as np
from PIL import Image, ImageDraw

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
    noise,
    smoothstep,
    weave,
)

WARM = ("#d8432b", "#ee8b2d", "#f4c542", "#b52b4c", "#e86f51", "#8c2f39")
COOL = ("#2f6f8f", "#3c9d8f", "#27406b", "#7a5ba6", "#6fb0c4")
GROUND = ("#f3e2bd", "#eccf98", "#f0d9c0", "#e3c29a", "#dcd3b4", "#e9bf8f")
WASHES = ("#e8a13c", "#d9714e", "#7fa9b8", "#c9b458", "#e0b7a4", "#9c86b5", "#8fb09a") * 2

Points = list[tuple[float, float]]


def shapes() -> Array:
    """Overlapping shapes on a brushed ground, from large to small, then fine black lines."""
    rng = np.random.default_rng(41)
    canvas = _ground(rng)
    pixels = canvas.pixels
    for tint in rng.permutation(np.array(WASHES)):
        pixels = _wash(pixels, color(str(tint)), rng)
    for size, count in ((330, 10), (190, 24), (105, 44), (55, 64), (26, 80)):
        for _ in range(count):
            pixels = _shape(pixels, size * rng.uniform(0.7, 1.3), rng)
    for _ in range(5):
        pixels = _checkers(pixels, rng)
    for _ in range(70):
        pixels = _line_work(pixels, rng)
    grain = 1 + 0.035 * noise(SHAPE, 7, rng, 3) + 0.03 * noise(SHAPE, 70, rng, 3)
    relief = canvas.height * 0.5 + 0.16 * weave(SHAPE, rng, 6)
    return lit(np.clip(pixels * grain[..., None], 0, 1), relief, 0.9)


def _ground(rng: np.random.Generator) -> Canvas:
    """Broad dry strokes in creams and ochres."""
    canvas = Canvas(np.broadcast_to(color(GROUND[0]), (*SHAPE, 3)).copy())
    direction = (0.6 * noise(SHAPE, 700, rng, 2)).astype(np.float32)
    for radius, count in ((44, 260), (24, 700), (11, 900)):
        for _ in range(count):
            start = np.array([rng.uniform(-80, WIDTH), rng.uniform(0, HEIGHT)], np.float32)
            tint = color(GROUND[int(rng.integers(len(GROUND)))]) * rng.normal(1, 0.05)
            path = follow(start, direction, radius * 6, 5, rng.normal(0, 0.2))
            canvas.stroke(path, radius, np.clip(tint, 0, 1), rng, body=0.4)
    return canvas


def _wash(pixels: Array, tint: Array, rng: np.random.Generator) -> Array:
    """A large cloud of thin color, anywhere."""
    x, y = rng.uniform((0, 0), (WIDTH, HEIGHT))
    far = np.hypot(X - x, (Y - y) * 1.2) / rng.uniform(170, 330) + 0.28 * noise(SHAPE, 200, rng, 4)
    cover = smoothstep(1.0, 0.55, far)[..., None] * 0.6
    return pixels * (1 - cover) + pixels * (0.25 + 0.75 * tint) * cover


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """A point, likelier near the diagonal that the composition follows."""
    along = rng.uniform(-0.05, 1.05)
    spread = rng.normal(0, 0.33)
    return WIDTH * along, HEIGHT * (0.85 - 0.7 * along + spread)


def _shape(pixels: Array, size: float, rng: np.random.Generator) -> Array:
    """One translucent shape: its colors darken what is under it, as a glaze does."""
    x, y = _place(rng)
    tint = color(str(rng.choice(WARM if rng.random() < 0.62 else COOL)))
    kind = rng.choice(["rings", "wedge", "triangle", "bar", "arc"], p=[0.32, 0.16, 0.2, 0.14, 0.18])
    if kind == "rings":
        return _rings(pixels, (x, y), size, rng)
    mask = Image.new("L", (WIDTH, HEIGHT))
    draw, turn = ImageDraw.Draw(mask), rng.uniform(0, 360)
    box = (x - size, y - size, x + size, y + size)
    if kind == "wedge":
        draw.pieslice(box, turn, turn + rng.uniform(30, 110), fill=255)
    elif kind == "arc":
        draw.arc(box, turn, turn + rng.uniform(70, 240), fill=255, width=int(size * 0.16) + 3)
    else:
        thin = rng.uniform(0.4, 0.8) if kind == "triangle" else rng.uniform(0.07, 0.16)
        draw.polygon(_corners((x, y), size, thin, np.radians(turn), str(kind)), fill=255)
    return _glaze(pixels, np.asarray(mask, np.float32) / 255, tint, rng)


def _corners(
    center: tuple[float, float], size: float, thin: float, turn: float, kind: str
) -> Points:
    """The corners of a turned triangle or bar."""
    flat = [(-1.0, -thin), (1.0, -thin), (1.0, thin), (-1.0, thin)]
    if kind == "triangle":
        flat = [(-1.0, -thin), (1.1, 0.0), (-0.8, thin)]
    c, s = np.cos(turn) * size, np.sin(turn) * size
    return [(center[0] + c * u - s * v, center[1] + s * u + c * v) for u, v in flat]


def _rings(
    pixels: Array, center: tuple[float, float], size: float, rng: np.random.Generator
) -> Array:
    """Concentric circles, opaque toward the middle, with a dark halo at times."""
    boxes = WARM + COOL
    for share in sorted(rng.uniform(0.15, 1, int(rng.integers(2, 5))), reverse=True):
        mask = Image.new("L", (WIDTH, HEIGHT))
        radius, (x, y) = size * 0.62 * share, center
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        tint = color("#1d1a24") if rng.random() < 0.12 else color(str(rng.choice(boxes)))
        cover = np.asarray(mask, np.float32) / 255
        pixels = _glaze(pixels, cover, tint, rng, 0.9 if share < 0.6 else 0.6)
    return pixels


def _glaze(
    pixels: Array, cover: Array, tint: Array, rng: np.random.Generator, strength: float = 0.86
) -> Array:
    """Lay a watery color over the picture: uneven, darker along its edges."""
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    if not rows.size:
        return pixels
    area = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inside, under = cover[area], pixels[area]
    cloud = noise(inside.shape, max(inside.shape) / 2 + 8, rng, 4)
    soft = Image.fromarray((inside * 255).astype(np.uint8)).reduce(6)
    blurred = np.asarray(soft.resize(inside.shape[::-1], Image.Resampling.BICUBIC), np.float32)
    rim = smoothstep(0.95, 0.5, blurred / 255) * inside
    share = inside * np.clip(strength * (0.82 + 0.13 * cloud) + 0.15 * rim, 0, 1)
    paint = (0.45 * under * (0.3 + tint) + 0.62 * tint) * (1 + 0.06 * cloud - 0.22 * rim)[..., None]
    result = pixels.copy()
    result[area] = under * (1 - share[..., None]) + np.clip(paint, 0, 1) * share[..., None]
    return result


def _checkers(pixels: Array, rng: np.random.Generator) -> Array:
    """A turned board of small fields, every other one colored."""
    (x, y), turn, step = _place(rng), rng.uniform(0, 6.3), rng.uniform(16, 30)
    for row in range(int(rng.integers(2, 5))):
        for column in range(int(rng.integers(4, 8))):
            if (row + column) % 2:
                continue
            place = (
                x + step * 2 * (column * np.cos(turn) - row * np.sin(turn)),
                y + step * 2 * (column * np.sin(turn) + row * np.cos(turn)),
            )
            mask = Image.new("L", (WIDTH, HEIGHT))
            ImageDraw.Draw(mask).polygon(_corners(place, step, 1.0, turn, "bar"), fill=255)
            tint = color(str(rng.choice(("#1d1a24", *WARM, *COOL))))
            pixels = _glaze(pixels, np.asarray(mask, np.float32) / 255, tint, rng, 0.9)
    return pixels


def _line_work(pixels: Array, rng: np.random.Generator) -> Array:
    """Pen lines: straight, combed or curved, each of its own weight."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    draw, (x, y), turn = ImageDraw.Draw(mask), _place(rng), rng.uniform(0, 6.3)
    length, width = rng.uniform(60, 460), int(rng.choice([2, 3, 3, 5, 8]))
    c, s = np.cos(turn), np.sin(turn)
    kind = rng.choice(["straight", "comb", "wave", "circle"], p=[0.35, 0.2, 0.25, 0.2])
    if kind == "circle":
        radius = length / 5
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=255, width=width)
    elif kind == "wave":
        t = np.linspace(-0.5, 0.5, 80)
        bend = 0.16 * np.sin(t * rng.uniform(4, 26) + rng.uniform(0, 6)) * (1 - t)
        path = zip(x + length * (t * c - bend * s), y + length * (t * s + bend * c), strict=True)
        draw.line(list(path), fill=255, width=width, joint="curve")
    else:
        for shift in range(int(rng.integers(4, 9)) if kind == "comb" else 1):
            u, v = x - s * shift * 15, y + c * shift * 15
            half = length * (0.5 - 0.03 * shift)
            draw.line((u - c * half, v - s * half, u + c * half, v + s * half), 255, width)
    cover = np.asarray(mask, np.float32)[..., None] / 255 * 0.9
    return pixels * (1 - cover) + color("#1b1720") * cover
