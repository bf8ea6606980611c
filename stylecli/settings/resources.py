"""Computing resources of a run (`Compute`): how fast, and in how much memory, not which picture."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stylecli.errors import SettingsError
from stylecli.settings.model import MAX_SIZE
from stylecli.settings.validation import check_choice

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Computing resources of a run; no part of the recipe.

    `device` is `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. `tile` is `auto`, `off` or the owned
    pixels of a tile's side; `max_memory` is in bytes, or text such as `2G`, `None` what is free.
    Raises `SettingsError`.
    """

    device: str = "auto"
    precision: Precision = "auto"
    tile: str = "auto"
    max_memory: str | None = None

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, get_args(Precision))
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", str(self.device)):
            raise SettingsError(
                f"device must be auto, cpu, cuda, cuda:N or mps, got {self.device!r}."
            )
        _ = self.tile_side, self.max_bytes

    @property
    def tile_side(self) -> int | Literal["auto", "off"]:
        """`tile` as a number where it is one; raises `SettingsError`."""
        if self.tile == "auto" or self.tile == "off":
            return "auto" if self.tile == "auto" else "off"
        if not re.fullmatch(r"\d{1,5}", str(self.tile)) or not 64 <= int(self.tile) <= MAX_SIZE:
            raise SettingsError(
                f"tile must be auto, off or 64 to {MAX_SIZE} pixels, got {self.tile!r}."
            )
        return int(self.tile)

    @property
    def max_bytes(self) -> int | None:
        """`max_memory` in bytes: K, M, G and T are powers of 1024; raises `SettingsError`."""
        if self.max_memory is None:
            return None
        match = re.fullmatch(
            r"(\d{1,12}(?:\.\d{1,6})?)([KMGT]?)(?:i?B)?", str(self.max_memory), re.I
        )
        if not match or float(match[1]) == 0:
            raise SettingsError(
                f"max_memory must be a size such as 800M or 2G, got {self.max_memory!r}."
            )
        return int(float(match[1]) * 1024 ** (" KMGT".index(match[2].upper() or " ")))
