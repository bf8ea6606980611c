"""From a file, a stream or a Pillow image to a `Picture`: upright, in sRGB, alpha apart."""

import contextlib
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from stylecli.errors import InputError
from stylecli.images.color_tags import shaper_of_tags
from stylecli.images.exif import dpi_of, orientation_of, read_exif, safe_exif, upright
from stylecli.images.header import check_decoding_memory
from stylecli.images.high_bit_depth import Samples, has_deep_tags, read_deep, read_gray
from stylecli.images.icc import Notes, deep_to_srgb, srgb_shaper, to_srgb
from stylecli.images.icc_matrix import Shaper, apply_shaper
from stylecli.images.input_bytes import open_input, read_stream
from stylecli.images.picture import Metadata, Picture
from stylecli.images.safe_open import (
    DamagedPictureError,
    check_size,
    guarded,
    open_header,
    open_image,
    silenced,
)
from stylecli.messages import escaped
from stylecli.system import UNLIMITED

_PLAIN_MODES: Final = ("L", "RGB", "CMYK", "LAB")  # what `to_srgb` takes; the rest become RGB
_ANIMATED: Final = "it has several frames or pages, of which the first is used"

_RIGHTS: Final = "its {} metadata names an author or rights, which the output does not keep"
_XMP_RIGHTS: Final = (b"rights", b"Rights", b"dc:creator", b"photoshop:Credit")
_IPTC: Final = 0x0404  # among Photoshop's resources in a JPEG
_IPTC_RIGHTS: Final = (b"\x1c\x02\x50", b"\x1c\x02\x6e", b"\x1c\x02\x74")  # author, credit, rights

_REDUCED: Final = "its 16 bits a channel were read as 8"


def read_picture(
    source: Path | BinaryIO,
    *,
    name: str | None = None,
    accept_damaged: bool = False,
    max_memory: int = UNLIMITED,
) -> Picture:
    """Read a picture file, or a stream of its bytes such as standard input.

    Of an animation the first frame is taken, of a TIFF its largest page. `name` stands for the
    source in messages. Raises `InputError` for what is missing, no picture, damaged, or larger
    than 32768 pixels a side or 268 million in all. With `accept_damaged`, what can be decoded of
    a damaged file is taken, with a note. Raises `MemoryLimitError` where decoding would take more
    than `max_memory` bytes.
    """
    if isinstance(source, str | Path):
        name = escaped(name or source)
        with open_input(Path(source)) as file:
            _check_header(file, name, accept_damaged, max_memory)  # before all of it is read
            file.seek(0)
            data = read_stream(file, name)
    else:
        name = escaped(name or "standard input")
        data = read_stream(source, name)
        _check_header(io.BytesIO(data), name, accept_damaged, max_memory)
    try:
        picture = _decode(data, name, accept_damaged=False)
    except DamagedPictureError as error:
        if not accept_damaged:
            raise
        picture = _decode(data, name, accept_damaged=True)
        damage = str(error).partition(": ")[2].partition(": --")[0].rstrip(".")
        picture = replace(picture, notes=(*picture.notes, f"what can be read was taken: {damage}"))
    meta = replace(picture.meta, sha256=hashlib.sha256(data).hexdigest())
    return replace(picture, meta=meta)


def _check_header(file: BinaryIO, name: str, accept_damaged: bool, max_memory: int) -> None:
    with guarded(name, accept_damaged=accept_damaged):
        header = open_header(file, name)
    check_decoding_memory(header, name, max_memory)


def _decode(data: bytes, name: str, *, accept_damaged: bool) -> Picture:
    with guarded(name, accept_damaged=accept_damaged), silenced(data):
        opened = open_image(data, name, accept_damaged=accept_damaged)
        with opened.image as image:
            samples = read_deep(opened.data, image, name)
            picture = _picture(image, samples)
    return replace(picture, notes=(*opened.notes, *picture.notes))


def picture_from_pil(image: Image.Image) -> Picture:
    """A Pillow image of any mode, with its profile, orientation and alpha heeded.

    Pillow itself reduces 16-bit color files to 8 bits; `read_picture` does not. Raises
    `InputError`.
    """
    if not isinstance(image, Image.Image):
        raise InputError(f"expected a Pillow image, got {type(image).__name__}.")
    name = "the Pillow image"
    with guarded(name):
        check_size(image.size, name)
        picture = _picture(image, None)
        digest = hashlib.sha256(image.tobytes()).hexdigest()
    return replace(picture, meta=replace(picture.meta, sha256=digest))


def _picture(image: Image.Image, samples: Samples | None) -> Picture:
    """Everything but the hash; `samples` (H, W, C) replace the image's pixels where given."""
    image.load()  # some metadata comes after the pixels, and a TIFF is turned upright here
    exif = read_exif(image)
    notes: Notes = ()
    if samples is None and (gray := read_gray(image)) is not None:
        samples, note = gray
        notes = (note,) if note else ()
    if samples is None:
        color, alpha, color_notes = _shallow(image, exif)
        notes = (_REDUCED,) if has_deep_tags(image) else ()
    else:
        color, alpha, color_notes = _deep(image, exif, samples)
    orientation = orientation_of(exif)
    dpi = dpi_of(image, exif)
    meta = Metadata(
        dpi=dpi[::-1] if dpi and orientation >= 5 else dpi,
        exif=safe_exif(exif),
        bits=8 if samples is None or color.dtype == np.uint8 else 16,
        format="JPEG" if image.format == "MPO" else image.format or "",
    )
    return Picture(
        pixels=_tensor(color, 3, orientation),
        alpha=None if alpha is None else _tensor(alpha, 1, orientation),
        meta=meta,
        notes=(*notes, *color_notes, *_left_out(image)),
    )


def _shallow(
    image: Image.Image, exif: Image.Exif
) -> tuple[NDArray[Any], NDArray[Any] | None, Notes]:
    """Colors (H, W, 3) and alpha (H, W, 1) of an 8-bit image."""
    profile = image.info.get("icc_profile")
    shaper, notes = (None, ()) if profile else _shaper_of(image, exif)
    alpha = None
    if image.has_transparency_data:
        gray = image.mode in ("L", "LA", "La")  # kept gray for the sake of a gray profile
        image = image.convert("LA" if gray else "RGBA")
        alpha = np.asarray(image.getchannel("A"))[..., None]
        image = image.convert("L" if gray else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _PLAIN_MODES:
        image = image.convert("RGB")
    if shaper is not None:
        samples = np.asarray(image).reshape(*image.size[::-1], -1)
        return apply_shaper(shaper, samples, srgb_shaper()), alpha, notes
    converted, profile_notes = to_srgb(image, profile)
    return np.asarray(converted), alpha, (*notes, *profile_notes)


def _deep(
    image: Image.Image, exif: Image.Exif, samples: Samples
) -> tuple[NDArray[Any], NDArray[Any] | None, Notes]:
    """Colors (H, W, 1 or 3) and alpha (H, W, 1) of 16-bit samples."""
    alpha: Samples | None = None
    if samples.shape[-1] in (2, 4):
        samples, alpha = samples[..., :-1], samples[..., -1:]
    elif (key := image.info.get("transparency")) is not None:
        same = (samples == np.asarray(key, np.uint16)).all(-1, keepdims=True)
        alpha = np.where(same, 0, 65535).astype(np.uint16)
    profile = image.info.get("icc_profile")
    if not profile:
        shaper, notes = _shaper_of(image, exif, gray=samples.shape[-1] == 1)
        if shaper is not None:
            return apply_shaper(shaper, samples, srgb_shaper()), alpha, notes
        return samples, alpha, notes
    color, notes = deep_to_srgb(samples, profile)
    return color, alpha, notes


def _shaper_of(
    image: Image.Image, exif: Image.Exif, *, gray: bool | None = None
) -> tuple[Shaper | None, Notes]:
    """Color conversion by the file's color tags; nothing for CMYK and LAB, which are not RGB."""
    if image.mode in ("CMYK", "LAB", "YCCK"):
        return None, ()
    gray = image.mode in ("1", "L", "LA", "La") if gray is None else gray
    return shaper_of_tags(image, exif, gray=gray)


def _tensor(array: NDArray[Any], channels: int, orientation: int) -> torch.Tensor:
    """(H, W, 1 or C) of uint8, uint16 or float32 to (C, H, W) float32 in [0, 1], upright."""
    scale = {"uint8": 255.0, "uint16": 65535.0}.get(array.dtype.name)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32)
    tensor = torch.from_numpy(planes if planes.base is None else planes.copy())
    if scale is not None:
        tensor /= scale
    turned = upright(tensor, orientation)
    return turned.expand(channels, -1, -1).contiguous()


def _left_out(image: Image.Image) -> Notes:
    """Notes on what a picture does not hold of its file."""
    notes: Notes = (_ANIMATED,) if _is_animated(image) else ()
    resources = image.info.get("photoshop")
    iptc = resources.get(_IPTC) if isinstance(resources, dict) else None
    for name, metadata, marks in (
        ("XMP", image.info.get("xmp"), _XMP_RIGHTS),
        ("IPTC", iptc, _IPTC_RIGHTS),
    ):
        if isinstance(metadata, bytes) and any(mark in metadata for mark in marks):
            notes = (*notes, _RIGHTS.format(name))
    return notes


def _is_animated(image: Image.Image) -> bool:
    """Whether there is more than one frame.

    A phone's MPO and HEIC have a depth map as another; a TIFF's pages are counted before.
    """
    if image.format in ("MPO", "HEIF", "TIFF"):
        return False
    with contextlib.suppress(Exception):  # a later frame may be damaged, which is no concern
        return bool(getattr(image, "is_animated", False))
    return False
