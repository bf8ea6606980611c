"""The bytes of an input, read once and in whole: what is hashed is what is decoded."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from stylecli.errors import InputError
from stylecli.images.formats import MAX_FILE_BYTES
from stylecli.messages import escaped, reason

# Without O_NONBLOCK, opening a FIFO would wait for a writer that may never come.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PART: Final = 2**22


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; anything else raises `InputError` and never blocks."""
    try:
        with open(path, "rb", opener=_open) as file:
            yield file
    except OSError as error:
        raise InputError(_explain(path, error)) from error
    except ValueError as error:  # a NUL in the path
        raise InputError(f"cannot read {escaped(path)}: this is not a valid file name.") from error


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises `InputError`."""
    with open_input(path) as file:
        return read_stream(file, escaped(path))


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal. Raises `InputError`."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """All bytes of a stream, up to `MAX_FILE_BYTES`; raises `InputError`."""
    try:
        data = b"".join(_parts(stream, name))
    except OSError as error:
        raise InputError(f"cannot read {name}: {reason(error)}.") from error
    except MemoryError as error:
        raise InputError(f"cannot read {name}: the file does not fit into memory.") from error
    if not data:
        raise InputError(f"cannot read {name}: it is empty.")
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"cannot read {name}: it is larger than 4 GiB.")
    return data


def _parts(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Until the end or just past the limit; asked for 4 GiB at once, Python would reserve them."""
    left = MAX_FILE_BYTES + 1
    while left > 0:
        part = stream.read(min(_PART, left))
        if not isinstance(part, bytes):
            raise InputError(f"cannot read {name}: it is not a stream of bytes.")
        if not part:
            return
        left -= len(part)
        yield part


def _open(name: str, _: int) -> int:
    """Open a regular file, and nothing else; `open` itself would not close what it refuses."""
    descriptor = os.open(name, _FLAGS)
    try:
        _check_regular(os.fstat(descriptor), Path(name))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"cannot read {escaped(path)}: it is a folder, not a picture.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"cannot read {escaped(path)}: it is not a regular file; pipe the picture in and "
            "name it '-' instead."
        )


def _explain(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"cannot read {escaped(path)}: there is no such file."
    return f"cannot read {escaped(path)}: {reason(error)}."
