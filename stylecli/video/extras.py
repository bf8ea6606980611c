"""PyAV and OpenCV, the packages of the extra `video`, imported when they are used. No torch."""

import importlib
from typing import Any, Final

from stylecli.errors import UsageError

PACKAGES: Final = {"av": "av>=14,<20", "cv2": "opencv-python-headless>=4.10,<6"}


def import_av() -> Any:
    """PyAV, which reads and writes containers. Raises `UsageError` where it is missing."""
    return _imported("av")


def import_cv2() -> Any:
    """OpenCV, of which the optical flow is used. Raises `UsageError` where it is missing."""
    return _imported("cv2")


def check_extras() -> None:
    """Raise `UsageError` where a package of the extra is missing."""
    for module in PACKAGES:
        _imported(module)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        quoted = " ".join(f'"{package}"' for package in PACKAGES.values())
        raise UsageError(f"clips need PyAV and OpenCV: pip install {quoted}.") from error
