"""From pixels to a file: rounded once, in sRGB, with what its metadata may keep."""

import io
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from stylecli.errors import OutputError
from stylecli.images.alpha import on_white
from stylecli.images.embedded_text import KEYWORD, storable, to_comment
from stylecli.images.exif import build_exif, serialized
from stylecli.images.formats import DEEP, OutputOptions, check_longest_side, format_of
from stylecli.images.icc import srgb_profile
from stylecli.images.picture import Metadata
from stylecli.images.png_writer import write_png
from stylecli.images.tiff_writer import write_tiff
from stylecli.messages import escaped, reason
from stylecli.output_guard import OutputGuard

_JPEG_SEGMENT: Final = 65533  # bytes


def write_picture(
    target: str | Path | BinaryIO,
    pixels: torch.Tensor,
    *,
    alpha: torch.Tensor | None = None,
    meta: Metadata | None = None,
    options: OutputOptions | None = None,
    recipe: str | None = None,
    kind: str | None = None,
    guard: OutputGuard | None = None,
) -> tuple[str, ...]:
    """Write a picture, in the format `kind`, by default the suffix's, or PNG to a stream.

    `pixels` is (3, H, W) sRGB in [0, 1] (clamped), `alpha` (1, H, W) or `None`; JPEG has no
    alpha, so there the picture is laid on white. `meta` gives resolution and EXIF; `recipe` is
    a text of up to 64 KiB. A file appears complete or not at all; without a `guard` it replaces
    any other. Returns notes on what the format could not hold. Raises `OutputError`.
    """
    options = options or OutputOptions()
    meta = meta or Metadata()
    path = Path(target) if isinstance(target, str | Path) else None
    kind = kind or (format_of(path) if path is not None else "PNG")
    where = escaped(path) if path is not None else "standard output"
    # The optimizer's picture may be on another device than the alpha that came from a file.
    pixels = pixels.detach().to("cpu", torch.float32)
    alpha = None if alpha is None else alpha.detach().to("cpu", torch.float32)
    _check(pixels, alpha, kind, where)
    notes = _notes_on_format(kind, options, meta)
    if recipe is not None and not storable(recipe):
        notes.append("the recipe is too long for a file and was left out")
        recipe = None
    if alpha is not None and kind == "JPEG":
        if float(alpha.min()) < 1.0:
            notes.append("JPEG has no transparency: the picture was laid on white")
        pixels, alpha = on_white(pixels.clamp(0.0, 1.0), alpha), None
    samples = _quantized(pixels, alpha, options.bits if kind in DEEP else 8)

    def encode(file: BinaryIO) -> None:
        notes.extend(_encode(file, samples, kind, meta, options, recipe))

    try:
        if path is not None:
            (guard or OutputGuard(replace=True)).write(path, encode)
        else:
            encode(target)  # type: ignore[arg-type]  # no path, hence a stream
    except OSError as error:
        raise OutputError(f"cannot write {where}: {reason(error)}.") from error
    except ValueError as error:
        raise OutputError(f"cannot write {where}: the encoder failed ({error}).") from error
    return tuple(notes)


def to_pil(pixels: torch.Tensor, alpha: torch.Tensor | None = None) -> Image.Image:
    """(3, H, W) sRGB in [0, 1] (clamped) as an 8-bit RGB image, with (1, H, W) of alpha RGBA."""
    pixels = pixels.detach().to("cpu", torch.float32)
    return Image.fromarray(_quantized(pixels, alpha, 8))


def _check(pixels: torch.Tensor, alpha: torch.Tensor | None, kind: str, where: str) -> None:
    shape = tuple(pixels.shape)
    if len(shape) != 3 or shape[0] != 3 or 0 in shape:
        raise OutputError(f"cannot write {where}: pixels must be (3, H, W), got {shape}.")
    if alpha is not None and tuple(alpha.shape) != (1, *shape[1:]):
        raise OutputError(
            f"cannot write {where}: alpha must be (1, {shape[1]}, {shape[2]}), "
            f"got {tuple(alpha.shape)}."
        )
    if not all(bool(torch.isfinite(part).all()) for part in (pixels, alpha) if part is not None):
        raise OutputError(f"cannot write {where}: the picture holds values that are no numbers.")
    check_longest_side(kind, max(shape), where)


def _notes_on_format(kind: str, options: OutputOptions, meta: Metadata) -> list[str]:
    """Notes on options that the format does not follow, and on depth that is lost."""
    if kind not in DEEP:
        return [f"{kind} holds 8 bits a channel, not 16"] if options.bits != 8 else []
    notes = []
    if options.bits < meta.bits:
        notes.append("written with 8 bits a channel, and the content has 16: --bits 16 keeps them")
    if options.quality != OutputOptions().quality:
        notes.append(f"{kind} is lossless: --jpeg-quality changes nothing")
    return notes


def _quantized(pixels: torch.Tensor, alpha: torch.Tensor | None, bits: int) -> NDArray[Any]:
    """(H, W, 3 or 4) of uint8 or uint16, each the nearest to its value."""
    planes = pixels if alpha is None else torch.cat([pixels, alpha])
    scaled = planes.clamp(0.0, 1.0).mul_(2**bits - 1).round_()
    array = scaled.permute(1, 2, 0).contiguous().numpy()
    return array.astype(np.uint8 if bits == 8 else np.uint16)


def _encode(
    file: BinaryIO,
    samples: NDArray[Any],
    kind: str,
    meta: Metadata,
    options: OutputOptions,
    recipe: str | None,
) -> tuple[str, ...]:
    """Hand the samples to the format's encoder; returns notes."""
    if kind == "PNG":
        exif = serialized(build_exif(meta.exif, comment=None, dpi=None))
        text = None if recipe is None else (KEYWORD, recipe)
        write_png(file, samples, profile=srgb_profile(), exif=exif, dpi=meta.dpi, text=text)
        return ()
    comment = None if recipe is None else to_comment(recipe)
    if kind == "TIFF":
        tags = build_exif(meta.exif, comment=comment, dpi=meta.dpi)
        write_tiff(file, samples, profile=srgb_profile(), exif=tags)
        return ()
    exif = serialized(build_exif(meta.exif, comment=comment, dpi=meta.dpi)) or b""
    notes: tuple[str, ...] = ()
    if kind == "JPEG" and len(exif) > _JPEG_SEGMENT:
        exif = serialized(build_exif(meta.exif, comment=None, dpi=meta.dpi)) or b""
        notes = ("the recipe does not fit into a JPEG file and was left out",)
    parameters = {**_parameters(kind, options, meta), "exif": exif}
    # Pillow writes some formats to a descriptor itself, and then takes a full disk for bad data.
    data = io.BytesIO()
    Image.fromarray(samples).save(data, kind, icc_profile=srgb_profile(), **parameters)
    file.write(data.getbuffer())
    return notes


def _parameters(kind: str, options: OutputOptions, meta: Metadata) -> dict[str, Any]:
    """Parameters of Pillow's encoder of a format: full color resolution where it can be had."""
    quality = options.quality
    if kind == "JPEG":
        # Not optimized: for that Pillow's buffer must hold the file, and it is too small for noise.
        dpi = {} if meta.dpi is None else {"dpi": meta.dpi}
        return {"quality": quality, "subsampling": 0, **dpi}
    if kind == "WEBP":  # lossy WebP always halves the color resolution
        return {"quality": quality, "lossless": quality == 100, "exact": True}
    return {"quality": quality, "subsampling": "4:4:4"}
