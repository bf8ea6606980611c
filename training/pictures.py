"""Training data: folders of photos and paintings, as 8-bit tensors in memory."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional as F

from stylecli.errors import InputError
from stylecli.images.reading import read_picture

SUFFIXES: Final = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
PHOTO_SIDE: Final = 480  # long side in pixels at most
PAINTING_SIDE: Final = 900  # larger: strokes are what matters in a painting


@dataclass(frozen=True)
class Pictures:
    """Sources of crops, each (3, H, W) uint8; `on_policy` are results of stylization runs."""

    photos: tuple[torch.Tensor, ...]
    paintings: tuple[torch.Tensor, ...]
    on_policy: tuple[torch.Tensor, ...] = ()

    def add_on_policy(self, pictures: list[torch.Tensor]) -> "Pictures":
        """The same photos and paintings, and these on-policy pictures as well."""
        return replace(self, on_policy=(*self.on_policy, *pictures))

    def compute_digest(self) -> str:
        """SHA-256 of all pixels, sizes and their order."""
        digest = hashlib.sha256()
        for group in (self.photos, self.paintings, self.on_policy):
            digest.update(f"{len(group)} pictures".encode())
            for picture in group:
                digest.update(str(tuple(picture.shape)).encode())
                digest.update(picture.contiguous().numpy().tobytes())
        return digest.hexdigest()


def read_pictures(photos: Path, paintings: Path) -> Pictures:
    """Read both folders; raises `InputError` for a missing or empty one, or a damaged file."""
    return Pictures(
        read_folder(photos, "photos", PHOTO_SIDE),
        read_folder(paintings, "paintings", PAINTING_SIDE),
    )


def read_folder(folder: Path, kind: str, max_side: int) -> tuple[torch.Tensor, ...]:
    """All pictures in a folder and below it, by name, reduced to `max_side` pixels.

    `kind` names them in messages. Raises `InputError`.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give one that holds {kind}.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"there are no {kind} in {folder}: give a folder with picture files.")
    return tuple(to_bytes(reduce_to(read_picture(path).pixels, max_side)) for path in paths)


def reduce_to(picture: torch.Tensor, max_side: int) -> torch.Tensor:
    """A picture (3, H, W) in [0, 1] with a long side of at most `max_side` pixels."""
    scale = max_side / max(picture.shape[-2:])
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[-2:])
    return resize(picture, (height, width)).clamp(0, 1)


def resize(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear interpolation with antialiasing: (3, H, W) to (3, *size)."""
    return F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]


def to_bytes(picture: torch.Tensor) -> torch.Tensor:
    """A picture in [0, 1] as uint8 in 0..255."""
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


def to_unit(picture: torch.Tensor) -> torch.Tensor:
    """A uint8 picture as float32 in [0, 1]."""
    return picture.float() / 255
