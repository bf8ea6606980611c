"""Color profiles: whatever a picture was in, sRGB comes out."""

import functools
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylecli.images.icc_matrix import Shaper, apply_shaper, parse_shaper

Notes = tuple[str, ...]

_SPACE_OF_MODE: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_BROKEN: Final = "its color profile is damaged and was ignored"
_SHALLOW: Final = "its color profile was applied with 8 bits a channel"
_SAME: Final = 1  # levels of 255: rounding alone moves a color this far


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Notes]:
    """An L, RGB, CMYK or LAB image as sRGB, mode RGB, through its profile if it has one.

    A profile that cannot be used is ignored, with a note. Colors are matched relative to
    white, with the black point compensated, as photo editors do by default.
    """
    if image.mode == "LAB":
        return _through(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), image), ()
    usable, mode, notes = _usable(profile, image.mode)
    if usable is None:
        return image.convert("RGB"), notes
    return _through(usable, image if image.mode == mode else image.convert(mode)), notes


def deep_to_srgb(
    samples: NDArray[np.uint16], profile: bytes | None
) -> tuple[NDArray[np.uint16] | NDArray[np.float32] | NDArray[np.uint8], Notes]:
    """The same for 16-bit samples (H, W, C), C is 1 or 3; the colors keep that precision.

    Returns uint16 where nothing had to change, float32 in [0, 1] after a matrix profile, and
    uint8 with a note after a profile that only ImageCms can apply.
    """
    usable, mode, notes = _usable(profile, "L" if samples.shape[-1] == 1 else "RGB")
    if usable is None:
        return samples, notes
    if mode == "RGB" and samples.shape[-1] == 1:
        samples = np.repeat(samples, 3, -1)
    shaper = parse_shaper(profile or b"")
    if shaper is not None and len(shaper.curves) == samples.shape[-1]:
        return apply_shaper(shaper, samples, srgb_shaper()), notes
    shallow = ((samples.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)  # /257, rounded
    image = Image.fromarray(shallow if mode == "RGB" else shallow[..., 0])
    return np.asarray(_through(usable, image)), (_SHALLOW,)


@functools.cache
def srgb_profile() -> bytes:
    """The sRGB profile every output carries; always the same bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The date of making would give two runs of one recipe two different files.
    made[24:36] = bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 2000-01-01 00:00
    return bytes(made)


@functools.cache
def srgb_shaper() -> Shaper:
    """The sRGB profile as tone curves and a matrix."""
    found = parse_shaper(srgb_profile())
    assert found is not None, "Pillow's own sRGB profile is a matrix profile"
    return found


def _through(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None, "None only comes back from a conversion in place"
    return converted


def _usable(profile: bytes | None, mode: str) -> tuple[ImageCms.ImageCmsProfile | None, str, Notes]:
    """The profile to apply and the mode to apply it in; `None` where there is nothing to do.

    What does nothing is told by its effect, not its name: leaving such pixels alone keeps
    their precision and spares a pass over the picture.
    """
    if not profile:
        return None, mode, ()
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        if mode == "L" and space == "RGB":  # usual in gray JPEG files made from color ones
            mode = "RGB"
        if space != _SPACE_OF_MODE[mode]:
            note = f"its color profile is for {space} pictures, not this kind, and was ignored"
            return None, mode, (note,)
        probe = _probe(mode)
        before = np.asarray(probe.convert("RGB")).astype(np.int16)
        change = np.abs(np.asarray(_through(opened, probe)) - before).max()
        return (opened if change > _SAME else None), mode, ()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None, mode, (_BROKEN,)


def _probe(mode: str) -> Image.Image:
    """Every gray, or colors on a lattice."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(256, 16, 3)
    return Image.fromarray(lattice).convert(mode)
