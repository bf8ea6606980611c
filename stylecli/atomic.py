"""Files that are either the old one or the complete new one, never something between."""

import contextlib
import os
import re
import tempfile
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


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    The file and its folder are synced, so that the old or the complete new file is there after
    a crash, a full disk or kill -9. A missing folder is created. On Windows a file that another
    program has open cannot be replaced: that is tried again for some seconds. Raises
    `OutputError` when the target cannot be written; the temporary file is removed on the way out
    of any exception.
    """
    if "\0" in str(path):
        raise OutputError(f"cannot write {str(path)!r}: this is not a valid file name.")
    try:
        path = _end_of_links(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_replaceable(path)
        _replace(path, write)
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


def _end_of_links(path: Path) -> Path:
    """Where a symbolic link leads to: the file is to be written, and the link to stay."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _check_replaceable(path: Path) -> None:
    """Refuse what is no regular file; root could otherwise replace /dev/null by a picture."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file.")


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    prefix = f"{_PREFIX}{_host()}-{os.getpid()}-"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=_SUFFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            _set_mode(name, path)
            sync(file.fileno())
        _move(name, path)
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


def _host() -> str:
    """This machine, in eight letters of a file name: folders may be shared between machines."""
    return f"{zlib.crc32(machine_name().encode()):08x}"


def _set_mode(name: str, path: Path) -> None:
    """Give a file the mode of the one it replaces, or what the umask grants a new one.

    mkstemp's 0600 would hide it from others. On Windows there is but the read-only flag, and a
    file that has it could not be moved or removed any more.
    """
    if on_windows():
        return
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    with contextlib.suppress(OSError):  # not every file system has modes
        os.chmod(name, mode)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems refuse to open or sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
