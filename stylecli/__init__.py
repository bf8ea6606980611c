"""Neural style transfer: one picture painted in the style of another.

    from stylecli import stylize
    stylize("photo.jpg", "painting.jpg", size=512).to_pil().save("out.png")

Names are loaded on first use: `import stylecli` costs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from stylecli._version import __version__

if TYPE_CHECKING:
    from stylecli.encoder.loading import load_encoder
    from stylecli.errors import (
        InputError,
        MemoryLimitError,
        OutputError,
        SettingsError,
        StylecliError,
        UsageError,
        WeightsError,
    )
    from stylecli.monitor.progress_bar import ProgressBar
    from stylecli.pipeline.api import Stylizer, stylize
    from stylecli.pipeline.comparison import compare, match
    from stylecli.settings import Compute, Settings
    from stylecli.transfer.results import Losses, Progress, Result
    from stylecli.video.video_api import stylize_video

__all__ = [
    "Compute",
    "InputError",
    "Losses",
    "MemoryLimitError",
    "OutputError",
    "Progress",
    "ProgressBar",
    "Result",
    "Settings",
    "SettingsError",
    "StylecliError",
    "Stylizer",
    "UsageError",
    "WeightsError",
    "__version__",
    "compare",
    "load_encoder",
    "match",
    "stylize",
    "stylize_video",
]

_HOMES: Final = {
    "Compute": "settings",
    "Losses": "transfer.results",
    "Progress": "transfer.results",
    "ProgressBar": "monitor.progress_bar",
    "Result": "transfer.results",
    "Settings": "settings",
    "Stylizer": "pipeline.api",
    "compare": "pipeline.comparison",
    "load_encoder": "encoder.loading",
    "match": "pipeline.comparison",
    "stylize": "pipeline.api",
    "stylize_video": "video.video_api",
    **dict.fromkeys((name for name in __all__ if name.endswith("Error")), "errors"),
}


if not TYPE_CHECKING:  # a type checker that saw this would take any name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
