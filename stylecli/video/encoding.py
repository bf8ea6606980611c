"""How a clip is encoded: its codec, quality and container. No torch."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from stylecli.settings.validation import check_choice, check_integer

Codec = Literal["h264", "av1", "ffv1"]
CONTAINERS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
ENCODERS: Final[dict[str, str]] = {"h264": "libx264", "av1": "libsvtav1", "ffv1": "ffv1"}
CRF: Final[dict[str, int]] = {"h264": 16, "av1": 24}  # hardly to be told from the original


@dataclass(frozen=True)
class Encoding:
    """How a clip is encoded: `crf` is the quality, lower is better; `audio` keeps the sound.

    `ffv1` is lossless, and goes into Matroska. Raises `SettingsError`.
    """

    codec: Codec = "h264"
    crf: int | None = None
    audio: bool = True

    def __post_init__(self) -> None:
        check_choice("codec", self.codec, get_args(Codec))
        check_integer("crf", self.crf, 0, 63 if self.codec == "av1" else 51)
