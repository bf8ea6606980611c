"""Pictures of every format, and ways to damage them."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from PIL import Image

Named = tuple[str, bytes]  # what it is, and the bytes
KINDS: Final = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")


def whole(profile: bytes, exif: bytes) -> list[Named]:
    """Small intact pictures of each format, in their usual and unusual forms."""
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    image, more = Image.fromarray(noise), {"icc_profile": profile, "exif": exif}
    clear = image.convert("RGBA")
    clear.putalpha(Image.fromarray(noise[..., 0]))
    frames: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(180)]}
    forms: list[tuple[str, Image.Image, dict[str, Any]]] = [
        *((kind, image, more) for kind in KINDS if kind not in ("BMP", "GIF")),
        *((kind, clear, more) for kind in ("PNG", "WEBP", "TIFF", "AVIF")),
        *((kind, image, frames) for kind in ("PNG", "WEBP", "TIFF", "GIF", "AVIF")),
        *(("TIFF", image, {"compression": name}) for name in ("tiff_lzw", "jpeg", "packbits")),
        ("JPEG", image, {"progressive": True}),
        ("JPEG", image.convert("CMYK"), {}),
        ("TIFF", image.convert("CMYK"), {}),
        ("TIFF", image.convert("LAB"), {}),
        ("TIFF", image.convert("F"), {}),
        ("PNG", image.convert("P"), {"transparency": b"\1\2\3"}),
        ("PNG", image.convert("1"), {}),
        ("PNG", Image.fromarray(noise[..., 0].astype(np.uint16) * 257), {}),
        ("BMP", image, {}),
        ("BMP", image.convert("P"), {}),
    ]
    return [(f"{kind} {form.mode}", _saved(form, kind, more)) for kind, form, more in forms]


def _saved(image: Image.Image, kind: str, more: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def damaged(originals: list[Named], rng: random.Random) -> Iterator[Named]:
    """Without end: cut, changed, and put together from parts."""
    while True:
        for name, data in originals:
            how, result = _damage(rng, data, rng.choice(originals)[1])
            yield f"{name} {how}", result


def _damage(rng: random.Random, data: bytes, other: bytes) -> Named:
    place = rng.randrange(len(data))
    head = rng.randrange(min(len(data), 200))  # where a format says what it is
    absurd = rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\0\1\0\0"))
    match rng.randrange(9):
        case 0:
            return f"cut at {place}", data[:place]
        case 1:
            return f"cut at {head}", data[:head]
        case 2:
            changed = bytearray(data)
            for _ in range(rng.choice((1, 2, 8, 32))):
                changed[rng.randrange(len(data))] = rng.randrange(256)
            return "with other bytes", bytes(changed)
        case 3:
            changed = bytearray(data)
            changed[head] ^= 1 << rng.randrange(8)
            return f"with bit {head} turned", bytes(changed)
        case 4:
            return f"absurd at {head}", data[:head] + absurd + data[head + 4 :]
        case 5:
            return f"absurd at {place}", data[:place] + absurd + data[place + 4 :]
        case 6:
            return f"zeros from {place}", data[:place] + bytes(len(data) - place)
        case 7:
            part = data[place : place + rng.choice((1, 4, 100))]
            return f"doubled at {place}", data[:place] + part * rng.choice((2, 50)) + data[place:]
    return f"another from {place}", data[:place] + other[rng.randrange(len(other)) :]


def with_blocks(
    profile: bytes, exif: bytes, rng: random.Random, kinds: tuple[str, ...] = KINDS
) -> Iterator[Named]:
    """Without end: intact pictures whose profile or EXIF is damaged."""
    image = Image.new("RGB", (9, 6), (200, 100, 50))
    while True:
        for kind in kinds:
            if kind in ("BMP", "GIF"):
                continue
            how, bad = _damage(rng, profile, exif)
            yield f"{kind} ICC {how}", _saved(image, kind, {"icc_profile": bad})
            how, bad = _damage(rng, exif, profile)
            if kind not in ("TIFF", "AVIF"):  # the one has no block, the other's encoder reads it
                yield f"{kind} EXIF {how}", _saved(image, kind, {"exif": bad[:60000]})


def png(size: tuple[int, int], body: bytes = b"", *, kind: int = 2, depth: int = 8) -> bytes:
    """A PNG of any size that it claims to have."""
    head = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", body or zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )


def tiff(width: int, height: int) -> bytes:
    """A TIFF of any size, its one strip far too short."""
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: height, 279: 40}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    strip = zlib.compress(bytes(1000)).ljust(40, b"\0")
    return b"II*\0" + struct.pack("<I", 48) + strip + struct.pack("<H", len(tags)) + body + bytes(4)


def gif(width: int, height: int) -> bytes:
    """A GIF of any size with one pixel in it."""
    start = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff"
    return start + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0;"


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of any size up to 16384, without the pixels."""
    bits = (width - 1) | (height - 1) << 14
    body = b"VP8L" + struct.pack("<IBI", 16, 0x2F, bits) + bytes(11)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bmp(width: int, height: int) -> bytes:
    """A BMP of any size, without the pixels."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def bombs() -> list[Named]:
    """Small files that claim to be enormous."""
    plain = Image.new("RGB", (9, 6), "red")  # Pillow reads these, and this program does not
    sizes = ((32769, 1), (1, 32769), (20000, 20000), (2**31 - 1, 2**31 - 1), (0, 5), (65535, 65535))
    return [
        *((f"PNG {size}", png(size)) for size in sizes),
        *((f"PNG 16 bit {size}", png(size, depth=16)) for size in sizes),
        *((f"TIFF {size}", tiff(*size)) for size in sizes),
        *((f"GIF {size}", gif(*size)) for size in sizes if 0 < min(size) <= max(size) < 2**16),
        *((f"BMP {size}", bmp(*size)) for size in sizes if max(size) < 2**31),
        ("BMP upside down", bmp(20000, -20000)),
        ("BMP negative", bmp(-5, 5)),
        ("BMP least", bmp(-(2**31), -(2**31))),
        ("WebP", webp(4000, 3000)),
        ("PNG of nothing but a head", png((30000, 8000))[:60]),
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n"),
        ("PostScript", b"%!PS\n(/tmp/planted) (w) file closefile showpage\n"),
        ("PDF", b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n%%EOF"),
        (
            "SVG",
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        ),
        ("ICNS", b"icns\xff\xff\xff\xff" + bytes(100)),
        ("FITS", b"SIMPLE  = T" + bytes(2880)),
        ("PSD", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(99)),
        ("PPM", b"P6 99999 99999 255\n"),
        *((kind, _saved(plain, kind, {})) for kind in ("PPM", "TGA", "PCX", "ICO", "SGI", "DDS")),
        ("nothing", b""),
        ("one byte", b"\x89"),
        ("zeros", bytes(5000)),
    ]
