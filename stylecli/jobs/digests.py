"""Hashes of files, as recipes record them. No torch."""

from pathlib import Path

from stylecli.images.source import digest_of


class Digests:
    """Hashes of files, each computed once while the file stays as it is."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], str] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes. Raises `InputError`."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return digest_of(path)  # which says what is wrong
        key = path, status.st_mtime_ns, status.st_size
        if key not in self._known:
            self._known[key] = digest_of(path)
        return self._known[key]
