"""Output guard: the one place that decides whether a file may be written."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from stylecli.atomic import write_atomically
from stylecli.errors import OutputError
from stylecli.file_names import name_key, system_fault
from stylecli.messages import escaped, reason
from stylecli.system import on_windows

LONGEST_NAME: Final = 255  # bytes, on every common file system

_Identity = tuple[int, int, int, int]


class OutputGuard:
    """Output guard: every file a command writes goes through `write`.

    An input is never replaced, another file only with `replace` or after `claim`, and no link is
    followed. The same rules hold in `check`, before the work, and at the moment of writing.
    """

    def __init__(self, inputs: Iterable[Path] = (), *, replace: bool = False) -> None:
        self.inputs = tuple(inputs)
        self.replace = replace
        self._known: tuple[set[str], set[tuple[int, int]]] | None = None
        self._claimed: dict[Path, _Identity] = {}

    def check(self, path: Path, advice: str = "add --force to replace it") -> None:
        """Raise `OutputError` where a file must not, or cannot, be written."""
        name = escaped(path)
        if "\0" in str(path):
            raise OutputError(f"cannot write {name}: this is not a valid file name.")
        if (fault := system_fault(path)) is not None:
            raise OutputError(f"cannot write {name}: {fault}.")
        try:
            if not self._may_replace(path) and os.path.lexists(path):
                raise OutputError(f"{name} exists already: {advice}.")
            if on_windows() and path.exists() and not os.access(path, os.W_OK):
                raise OutputError(f"cannot write {name}: it is read-only.")
            check_folder(path.parent, name)
        except OSError as error:
            raise OutputError(f"cannot write {name}: {reason(error)}.") from error

    def write(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        """Write a file as `write_atomically` does. Raises `OutputError`."""
        write_atomically(path, write, may_replace=self._may_replace)

    def write_bytes(self, path: Path, data: bytes) -> None:
        """Write bytes to a file. Raises `OutputError`."""
        self.write(path, lambda file: file.write(data))

    def claim(self, path: Path) -> None:
        """Allow a file to be replaced as long as it stays what it is now."""
        try:
            self._claimed[path] = _identity(os.lstat(path))
        except OSError:
            self.release(path)

    def release(self, path: Path) -> None:
        """Take a claim back."""
        self._claimed.pop(path, None)

    @property
    def digests(self) -> dict[Path, str]:
        """SHA-256 of the claimed files that are still what they were."""
        return {
            path: digest
            for path, identity in self._claimed.items()
            if (digest := _digest_of(path, identity)) is not None
        }

    def claim_same(self, path: Path, sha256: str) -> None:
        """Claim a file where its bytes have this SHA-256."""
        self.claim(path)
        if self.digests.get(path) != sha256:
            self.release(path)

    def is_input(self, path: Path) -> bool:
        """Whether a path is an input by its file, or by a name that some file system folds."""
        if self._known is None:
            files = {file for other in self.inputs if (file := _file_of(other)) is not None}
            self._known = {folded(other) for other in self.inputs}, files
        names, files = self._known
        return folded(path) in names or _file_of(path) in files

    def _may_replace(self, path: Path) -> bool:
        """Whether a file that is there may be replaced; raises `OutputError` for an input."""
        name = escaped(path)
        if self.is_input(path):
            raise OutputError(f"{name} is also an input: give the output another name.")
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return self.replace
        if stat.S_ISDIR(status.st_mode):
            raise OutputError(f"cannot write {name}: it is a folder, not a regular file.")
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            raise OutputError(f"cannot write {name}: it is not a regular file.")
        return self.replace or self._claimed.get(path) == _identity(status)


def follow_link(path: Path) -> Path:
    """The file behind a link that `-o` names, so that the link stays a link.

    Raises `OutputError` for a link that leads to no file, and for one that another user may have
    planted in a shared folder (the kernel's rule, fs.protected_symlinks).
    """
    if not os.path.islink(path):  # false, not an error, for names that cannot be
        return path
    if not os.path.exists(path):
        raise OutputError(f"cannot write {escaped(path)}: it is a link that leads to no file.")
    owner = os.lstat(path).st_uid
    if hasattr(os, "geteuid") and owner not in (os.geteuid(), os.stat(path.parent).st_uid):
        raise OutputError(f"cannot write {escaped(path)}: it is a link of another user.")
    return Path(os.path.realpath(path))


def check_folder(folder: Path, name: str) -> None:
    """Raise `OutputError` where a folder cannot be written to.

    One that is missing will be created, so the nearest one that exists must allow it.
    """
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OutputError(f"cannot write {name}: {escaped(nearest)} is not a folder.")
    try:  # a file that is gone at once: os.access believes root, and a read-only mount refuses
        with tempfile.TemporaryFile(dir=nearest, prefix=".stylecli-"):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write {name}: the folder {escaped(nearest)} is not writable ({reason(error)})."
        ) from error


def beside(path: Path, suffix: str) -> Path:
    """The name of a file beside another: with a suffix more, and short enough to exist."""
    return path.with_name(shortened(path.name + suffix, suffix))


def shortened(name: str, suffix: str, longest: int = LONGEST_NAME) -> str:
    """A name of so many bytes at most, told apart by a hash where it was cut."""
    data = os.fsencode(name)
    if len(data) <= longest:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    kept = data[: longest - len(os.fsencode(suffix)) - 9]
    return f"{kept.decode('utf-8', 'ignore')}-{digest}{suffix}"


def folded(path: Path) -> str:
    """Equal for paths that some file system takes for the same: by case, or how accents are put."""
    return name_key(os.path.realpath(path))


def _file_of(path: Path) -> tuple[int, int] | None:
    """Device and number of a file, its links followed; `None` where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _digest_of(path: Path, identity: _Identity) -> str | None:
    """SHA-256 of a regular file that has this identity, or `None`."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or _identity(status) != identity:
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
