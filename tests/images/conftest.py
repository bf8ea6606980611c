"""Pictures made by hand for this room's tests."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.images.picture import Picture
from stylecli.images.reading import read_picture

SUFFIXES = ["png", "jpg", "webp", "tif", "avif"]
Encode = Callable[..., bytes]
Make = Callable[..., bytes]
Convert = Callable[[Image.Image, bytes], NDArray[np.uint8]]


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data))


def pixels_of(picture: Picture) -> NDArray[np.float64]:
    """(H, W, 3) in 0..255."""
    return picture.pixels.permute(1, 2, 0).numpy().astype(np.float64) * 255


@pytest.fixture
def samples8() -> NDArray[np.uint8]:
    """Noise, (5, 7, 3): neither square nor symmetric."""
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.fixture
def samples16() -> NDArray[np.uint16]:
    """Noise, (5, 7, 4), with the extreme values in a corner."""
    samples = np.random.default_rng(1).integers(0, 65536, (5, 7, 4), np.uint16)
    samples[0, 0], samples[0, 1] = 0, 65535
    return samples


@pytest.fixture
def encode() -> Encode:
    """`encode(image, format, **options)`: the bytes of a file that Pillow writes."""

    def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def png16() -> Encode:
    """`png16(samples, trns=b"")`: a 16-bit PNG without row filters, by the specification alone."""

    def encode(samples: NDArray[np.uint16], trns: bytes = b"") -> bytes:
        height, width, channels = samples.shape
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
        data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
        parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
        parts += [(b"tRNS", trns)] if trns else []
        parts += [(b"IDAT", data), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
            for k, d in parts
        )

    return encode


@pytest.fixture
def tiff16() -> Encode:
    """`tiff16(samples, order, planar, deflate, **tags)`: a 16-bit TIFF, by the specification."""

    def encode(
        samples: NDArray[np.uint16],
        order: str = "<",
        *,
        planar: bool = False,
        deflate: bool = False,
        tags: dict[int, list[int]] | None = None,
    ) -> bytes:
        height, width, channels = samples.shape
        planes = np.moveaxis(samples, -1, 0) if planar else samples[None]
        strips = [plane.astype(f"{order}u2").tobytes() for plane in planes]
        strips = [zlib.compress(strip) for strip in strips] if deflate else strips
        short = {258: [16] * channels, 259: [8 if deflate else 1], 262: [2 if channels > 1 else 1]}
        short |= {277: [channels], 284: [2 if planar else 1]} | (tags or {})
        wide = {256: [width], 257: [height], 278: [height], 279: [len(s) for s in strips]}
        wide[273] = [0] * len(strips)
        entries = {tag: ("H", 3, values) for tag, values in short.items()}
        entries |= {tag: ("I", 4, values) for tag, values in wide.items()}
        start = 8 + 2 + 12 * len(entries) + 4
        sizes = {tag: len(v) * (2 if code == "H" else 4) for tag, (code, _, v) in entries.items()}
        first = start + sum(size for size in sizes.values() if size > 4)
        wide[273][:] = [first + sum(len(s) for s in strips[:i]) for i in range(len(strips))]
        body, extra = struct.pack(f"{order}H", len(entries)), b""
        for tag, (code, kind, values) in sorted(entries.items()):
            data = struct.pack(f"{order}{len(values)}{code}", *values)
            if len(data) > 4:
                place = struct.pack(f"{order}I", start + len(extra))
                extra, data = extra + data, place
            body += struct.pack(f"{order}HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
        head = b"II*\0" if order == "<" else b"MM\0*"
        head += struct.pack(f"{order}I", 8)
        return head + body + bytes(4) + extra + b"".join(strips)

    return encode


@pytest.fixture
def make_profile() -> Callable[..., bytes]:
    """`make_profile(gamma, swap=False, space=b"RGB ")`: a matrix or gray profile.

    With `swap`, red and green change places: no one can miss whether it was applied.
    """

    def make(gamma: float = 1.8, *, swap: bool = False, space: bytes = b"RGB ") -> bytes:
        colors = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)]
        if swap:
            colors[0], colors[1] = colors[1], colors[0]
        curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
        tags = {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"desc": _text("hand-made")}
        if space == b"GRAY":
            tags[b"kTRC"] = curve
        else:
            tags |= {
                name + b"XYZ": _xyz(c) for name, c in zip((b"r", b"g", b"b"), colors, strict=True)
            }
            tags |= {name + b"TRC": curve for name in (b"r", b"g", b"b")}
        return _profile(space, tags)

    return make


@pytest.fixture
def cmyk_profile() -> bytes:
    """A CMYK profile with a 2-point table to Lab that ignores black: cyan ink comes out red.

    Small enough to compute by hand; shows whether the profile or the plain formula was used.
    """
    corners = np.zeros((2, 2, 2, 2, 3), np.uint8)
    corners[0] = (255, 128, 128)  # without cyan: white
    corners[1] = (128, 208, 198)  # with it: red
    table = b"mft1" + struct.pack(">IBBBx", 0, 4, 3, 2)
    table += struct.pack(">9i", *(65536 * int(i % 4 == 0) for i in range(9)))
    table += bytes(range(256)) * 4 + corners.tobytes() + bytes(range(256)) * 3
    tags = {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"desc": _text("hand-made"), b"A2B0": table}
    return _profile(b"CMYK", tags, connection=b"Lab ", kind=b"prtr")


def _profile(
    space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ", kind: bytes = b"mntr"
) -> bytes:
    directory, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        directory += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4sI4s4s4s", start + len(data), b"none", 0x02100000, kind, space, connection
    )
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return header.ljust(128, b"\0") + directory + data


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(raw)) + raw + bytes(78)


@pytest.fixture
def convert() -> Callable[[Image.Image, bytes], NDArray[np.uint8]]:
    """`convert(image, profile)`: to sRGB by ImageCms alone, with the settings of this room."""

    def convert(image: Image.Image, profile: bytes) -> NDArray[np.uint8]:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return np.asarray(converted)

    return convert


@pytest.fixture
def picture() -> torch.Tensor:
    """Smooth colors, (3, 12, 20), on whole 8-bit levels."""
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(20.0), indexing="ij")
    return torch.stack((x * 10, y * 20, 255 - x * 5 - y * 5)) / 255
