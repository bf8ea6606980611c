"""Files that are either the old one or the complete new one, never something between."""

import contextlib
import errno
import filecmp
import os
import re
import secrets
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from stylecli.errors import OutputError
from stylecli.messages import reason
from stylecli.system import machine_name, on_windows, process_is_alive, sync

_PREFIX: Final = ".stylecli-"
_SUFFIX: Final = ".part"
PATIENCE: Final = 5.0  # seconds for a program to let go of a file on Windows
_PAUSE: Final = 0.1
_LEFTOVER: Final = re.compile(r"\.stylecli-([0-9a-f]{8})-(\d{1,9})-\w+\.part")
_CREATE: Final = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
# What file systems without hard links answer to a call of `os.link`.
_NO_LINKS: Final = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EMLINK,
)


def write_atomically(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    may_replace: Callable[[Path], bool] | None = None,
) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    `may_replace` is asked at that moment: where it says no, the file is put in place only if
    there is none, in one step of the file system. A link at `path` is replaced, not followed. The
    file and its folder are synced, so that the old or the complete new file is there after a
    crash, a full disk or kill -9. A missing folder is created. On Windows a file that another
    program has open cannot be replaced: that is tried again for some seconds. Raises
    `OutputError` when the target cannot be written; the temporary file is removed on the way out
    of any exception.
    """
    if "\0" in str(path):
        raise OutputError(f"cannot write {str(path)!r}: this is not a valid file name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_replaceable(path)
        _write(path, write, may_replace or _always)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason(error)}.") from error


def replace_file(path: Path, data: bytes) -> None:
    """Write bytes to a file as `write_atomically` does. Raises `OutputError`."""
    write_atomically(path, lambda file: file.write(data))


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes of this machine left in a folder."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            match = _LEFTOVER.fullmatch(entry.name)
            if match and match[1] == _host() and not process_is_alive(int(match[2])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _check_replaceable(path: Path) -> None:
    """Refuse what is no regular file; root could otherwise replace /dev/null by a picture."""
    if path.is_symlink():
        return
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file.")


def _write(
    path: Path, write: Callable[[BinaryIO], object], may_replace: Callable[[Path], bool]
) -> None:
    mode = _mode_of(path)
    descriptor, name = _temporary_file(path.parent, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            write(file)
            file.flush()
            if mode is not None:
                with contextlib.suppress(OSError):  # not every file system has modes
                    os.chmod(name, mode)  # the umask may have taken some of it
            sync(file.fileno())
        if may_replace(path):
            _move(name, path)
        else:
            _put_where_none_is(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def _move(name: str, path: Path) -> None:
    """`os.replace`, again and again where Windows refuses it while a file is open elsewhere."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            os.replace(name, path)
            return
        except PermissionError:
            if not on_windows() or time.monotonic() >= until:
                raise
        time.sleep(_PAUSE)


def _temporary_file(folder: Path, mode: int | None) -> tuple[int, str]:
    """A new file in a folder, open; its mode is that of what it replaces, or the umask's."""
    while True:
        name = f"{_PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        with contextlib.suppress(FileExistsError):
            path = os.path.join(folder, name)
            return os.open(path, _CREATE, 0o666 if mode is None else mode), path


def _put_where_none_is(name: str, path: Path) -> None:
    """Rename a file, unless the new name is taken by anything but the very same bytes."""
    try:
        try:
            os.link(name, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Without hard links the name is reserved by an empty file, which is then replaced.
            os.close(os.open(path, _CREATE, 0o666))
            os.replace(name, path)
        else:
            os.unlink(name)
    except FileExistsError as error:
        if path.is_symlink() or not path.is_file() or not filecmp.cmp(name, path, shallow=False):
            raise OutputError(
                f"{path} exists already: it has appeared meanwhile, and is kept."
            ) from error
        os.unlink(name)


def _always(_: Path) -> bool:
    return True


def _host() -> str:
    """This machine, in eight letters of a file name: folders may be shared between machines."""
    return f"{zlib.crc32(machine_name().encode()):08x}"


def _mode_of(path: Path) -> int | None:
    """The mode of the user's own file that is to be replaced; nobody else's is taken over.

    On Windows there is but the read-only flag, and a file that has it could not be moved or
    removed any more.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return None
    is_ours = not on_windows() and status.st_uid == os.geteuid()
    return status.st_mode & 0o777 if is_ours and stat.S_ISREG(status.st_mode) else None


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems refuse to open or sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
