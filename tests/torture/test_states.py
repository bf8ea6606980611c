"""Every mode with every orientation and every kind of profile: 13 x 8 x 7 = 728 pictures.

What is expected is computed here from the file's own definition: EXIF's table of orientations,
the formula of a matrix profile in float64, and ImageCms alone for a table of inks.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.images.formats import OutputOptions
from stylecli.images.reading import read_picture
from stylecli.images.writing import write_picture

from .scale import SEED, count

Floats = NDArray[np.float64]
MODES: Final = (
    *("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "RGB;16", "F"),
)
PROFILES: Final = ("none", "empty", "sRGB", "swapped", "gray", "inks", "damaged")
STATES: Final = list(itertools.product(MODES, range(1, 9), PROFILES))
WHERE: Final[
    dict[int, Callable[..., tuple[int, int]]]
] = {  # where in the file the picture's pixel (row, column) is; h, w are the file's
    1: lambda y, x, h, w: (y, x),
    2: lambda y, x, h, w: (y, w - 1 - x),
    3: lambda y, x, h, w: (h - 1 - y, w - 1 - x),
    4: lambda y, x, h, w: (h - 1 - y, x),
    5: lambda y, x, h, w: (x, y),
    6: lambda y, x, h, w: (h - 1 - x, y),
    7: lambda y, x, h, w: (h - 1 - x, w - 1 - y),
    8: lambda y, x, h, w: (x, w - 1 - y),
}
GAMMA: Final = 1.8
# Columns of the profiles that `make_profile` makes, and the inverse of sRGB's, under D50.
_COLUMNS: Final = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)]


def turned(file: Floats, orientation: int) -> Floats:
    """(H, W, C) as it is to be seen, pixel by pixel from EXIF's table."""
    h, w = file.shape[:2]
    height, width = (w, h) if orientation >= 5 else (h, w)
    place = WHERE[orientation]
    return np.array([[file[place(y, x, h, w)] for x in range(width)] for y in range(height)])


def through_matrix(color: Floats, *, swapped: bool) -> Floats:
    """From a profile of gamma 1.8 with sRGB's primaries, red and green swapped or gray, to sRGB."""
    linear = color**GAMMA
    if swapped:
        linear = linear[..., [1, 0, 2]]
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def through_inks(image: Image.Image, profile: bytes) -> Floats:
    found = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert found is not None
    return np.asarray(found) / 255.0


@pytest.fixture
def profiles(make_profile: Callable[..., bytes], cmyk_profile: bytes) -> dict[str, bytes]:
    return {
        "none": b"",
        "empty": b"\0",
        "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "swapped": make_profile(GAMMA, swap=True),
        "gray": make_profile(GAMMA, space=b"GRAY"),
        "inks": cmyk_profile,
        "damaged": make_profile()[:150],
    }


class Case:
    """A file in some state, and what is to be read from it."""

    def __init__(self, mode: str, orientation: int, profile: str, fixtures: Any) -> None:
        self.mode, self.profile = mode, profile
        self.profiles, self.png16 = fixtures
        rng = np.random.default_rng([MODES.index(mode), orientation, PROFILES.index(profile)])
        self.noise = rng.integers(0, 65536, (5, 7, 4), np.uint16)
        self.image = self._image()
        color, alpha = self._seen()
        self.color = turned(color, orientation)
        self.alpha = None if alpha is None else turned(alpha, orientation)
        self.data = self._saved(orientation)

    def _image(self) -> Image.Image:
        """The pixels as Pillow holds them; 16-bit color is saved without it."""
        eight = (self.noise >> 8).astype(np.uint8)
        rgb, gray = Image.fromarray(eight[..., :3]), Image.fromarray(eight[..., 0])
        match self.mode:
            case "P" | "PA":
                return rgb.quantize(16)
            case "LA":
                return Image.merge("LA", (gray, Image.fromarray(eight[..., 3])))
            case "L" | "1":
                return gray.convert(self.mode)
            case "RGBA" | "CMYK":
                return Image.frombytes(self.mode, (7, 5), eight.tobytes())
            case "LAB" | "YCbCr":
                return Image.frombytes(self.mode, (7, 5), eight[..., :3].tobytes())
            case "I;16":
                return Image.fromarray(self.noise[..., 0])
            case "F":
                return Image.fromarray((self.noise[..., 0] / 65535).astype(np.float32))
        return rgb

    def _seen(self) -> tuple[Floats, Floats | None]:
        """Color (H, W, 3) in sRGB and alpha (H, W, 1), before they are turned."""
        image, alpha = self.image, None
        if self.mode in ("LA", "RGBA"):
            alpha = np.asarray(image.getchannel("A"))[..., None] / 255.0
            image = image.convert("L" if self.mode == "LA" else "RGB")
        if self.mode == "PA":
            alpha = (np.asarray(image) != 3)[..., None].astype(np.float64)
        if self.mode == "LAB":
            lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
            return through_inks(image, lab), alpha
        if self.mode == "CMYK" and self.profile == "inks":
            return through_inks(image, self.profiles["inks"]), alpha
        plain = self._plain(image)
        gray = self.mode in ("1", "L", "LA", "I;16", "F")
        if self.profile == "swapped" and self.mode != "CMYK":
            plain = through_matrix(plain, swapped=True)
        elif self.profile == "gray" and gray:
            plain = through_matrix(plain, swapped=False)
        return plain, alpha

    def _plain(self, image: Image.Image) -> Floats:
        if self.mode in ("I;16", "F"):
            return np.repeat(self.noise[..., :1] / 65535.0, 3, -1)
        if self.mode == "RGB;16":
            return self.noise[..., :3] / 65535.0
        return np.asarray(image.convert("RGB")) / 255.0

    def _saved(self, orientation: int) -> bytes:
        exif = Image.Exif()
        exif[274] = orientation
        profile, file = self.profiles[self.profile], io.BytesIO()
        if self.mode == "RGB;16":
            return with_chunks(self.png16(self.noise[..., :3]), profile, exif.tobytes())
        more: dict[str, Any] = {"icc_profile": profile} if profile else {}
        more |= {"transparency": 3} if self.mode == "PA" else {}
        kind = "TIFF" if self.mode in ("CMYK", "YCbCr", "LAB", "F") else "PNG"
        self.image.save(file, kind, exif=exif, **more)
        return file.getvalue()


def with_chunks(png: bytes, profile: bytes, exif: bytes) -> bytes:
    """A PNG with a profile and an orientation put in after its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    icc = chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)) if profile else b""
    return png[:33] + icc + chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) + png[33:]


def test_states(profiles: dict[str, bytes], png16: Any) -> None:
    assert len(STATES) == 728
    for mode, orientation, profile in STATES:
        case = Case(mode, orientation, profile, (profiles, png16))
        name = f"{mode} {orientation} {profile}"
        picture = read_picture(io.BytesIO(case.data))
        found = picture.pixels.permute(1, 2, 0).numpy()
        assert found.shape == case.color.shape, name
        # ImageCms calculates with 8 bits, and is off by a level here and there.
        levels = 2.01 if profile in ("swapped", "gray", "inks") or mode == "LAB" else 0.01
        deep = mode in ("I;16", "RGB;16", "F")
        tolerance = 1e-3 if deep and levels > 1 else 3e-5 if deep else levels / 255
        assert np.abs(found - case.color).max() <= tolerance, name
        assert (picture.alpha is None) == (case.alpha is None), name
        if picture.alpha is not None and case.alpha is not None:
            assert np.allclose(picture.alpha[0], case.alpha[..., 0], atol=1e-6), name
        assert picture.meta.bits == (16 if deep else 8), name
        assert ("damaged" in str(picture.notes)) == (
            profile in ("damaged", "empty") and mode != "LAB"
        ), (name, picture.notes)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_there_and_back(suffix: str, bits: Any, with_alpha: bool, tmp_path: Path) -> None:
    """Any size, and every sample, comes back as it was, twice."""
    rng, top = np.random.default_rng(SEED), 2**bits - 1
    sizes = [(1, 1), (1, 200), (200, 1), *rng.integers(1, 90, (count(8) // 8, 2)).tolist()]
    for height, width in sizes:
        samples = torch.from_numpy(rng.integers(0, top + 1, (4, height, width)) / top).float()
        alpha = samples[3:] if with_alpha else None
        path = tmp_path / f"a.{suffix}"
        for _ in range(2):
            write_picture(path, samples[:3], alpha=alpha, options=OutputOptions(bits=bits))
            picture = read_picture(path)
            assert picture.pixels.shape == (3, height, width) and picture.meta.bits == bits
            assert torch.equal((picture.pixels * top).round(), (samples[:3] * top).round())
            assert (picture.alpha is None) == (alpha is None)
            if alpha is not None and picture.alpha is not None:
                assert torch.equal((picture.alpha * top).round(), (alpha * top).round())
            samples = torch.cat([picture.pixels, samples[3:]])
