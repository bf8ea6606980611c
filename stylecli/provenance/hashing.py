"""Hashes of files, as recipes record them. No torch."""

from collections.abc import Callable
from pathlib import Path

from stylecli.encoder.checksum import sha256_of
from stylecli.encoder.registry import get_spec, is_path
from stylecli.images.input_bytes import digest_of


class Digests:
    """Hashes of files, each computed once while the file stays as it is."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], str] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of a picture's bytes. Raises `InputError`."""
        return self._once(path, digest_of)

    def has(self, path: Path) -> bool:
        """Whether there is a file; not, too, for an invalid name or without permission."""
        try:
            return path.is_file()
        except OSError:
            return False

    def of_encoder(self, name: str) -> str:
        """SHA-256 of an encoder's weights, by its name or path. Raises `WeightsError`."""
        if is_path(name):
            return self._once(Path(name).expanduser(), sha256_of)
        return get_spec(name).sha256

    def _once(self, path: Path, compute: Callable[[Path], str]) -> str:
        try:
            status = path.stat()
        except (OSError, ValueError):
            return compute(path)  # raises the error
        key = path, status.st_mtime_ns, status.st_size
        if key not in self._known:
            self._known[key] = compute(path)
        return self._known[key]
