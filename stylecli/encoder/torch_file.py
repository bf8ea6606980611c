"""Tensors of a `.pth` file, described by its header before any of them is read.

torch.save writes a pickle with names and shapes, and the storages beside it: in an archive that is
not compressed, before torch 1.6 one after another. The pickle is not executed: its few operations
are interpreted, since even `weights_only` takes gigabytes for a pickle that asks for them. What
is read is bounded by the file's own size.
"""

import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from stylecli.encoder.torch_pickle import Storage, TorchPickle, View

MAX_HEADER: Final = 2**17  # bytes of a pickle or of an archive's directory; VGG-19's take 10 KB
MAX_DIMENSIONS: Final = 8
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_MALFORMED: Final = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)
_LOCAL_ENTRY: Final = struct.Struct("<4s22xHH")  # of an archive: mark, lengths of name and extra


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file: its type and shape, and where its elements begin, in bytes."""

    path: Path
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int
    extent: int  # elements from the first to the last

    def read(self) -> torch.Tensor:
        """The tensor. Raises `OSError` or `ValueError`."""
        size = self.extent * self.dtype.itemsize
        with self.path.open("rb") as file:
            file.seek(self.start)
            data = bytearray(file.read(size))
        if len(data) != size:
            raise ValueError("it is truncated")
        return torch.frombuffer(data, dtype=self.dtype).as_strided(self.shape, self.strides)


def read_torch_file(path: Path) -> dict[str, Any]:
    """The tensors of a state dict by name, each a `StoredTensor`; other values as they are.

    Raises `OSError`, or `ValueError` for a file that is truncated or holds anything else.
    """
    with path.open("rb") as raw:
        file = _Bounded(raw)
        packed = zipfile.is_zipfile(file)
        file.seek(0)
        try:
            state, starts = _archive(file) if packed else _sequence(file)
        except _MALFORMED as error:
            raise ValueError("it is no file of torch.save") from error
        if not isinstance(state, dict):
            raise ValueError(f"it holds a {type(state).__name__}")
        stored = {
            name: _stored(path, value, starts) if isinstance(value, View) else value
            for name, value in state.items()
        }
        views = [value for value in stored.values() if isinstance(value, StoredTensor)]
        if sum(view.extent * view.dtype.itemsize for view in views) > file.size:
            raise ValueError("its tensors are larger than the file")
        return stored


class _Bounded(io.RawIOBase):
    """A file that is never read by more than `MAX_HEADER` bytes, whatever it says of itself."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, io.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size - self.file.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > MAX_HEADER:
            raise ValueError("its header is too long")
        return self.file.read(wanted)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True


def _stored(path: Path, view: View, starts: dict[Storage, int]) -> StoredTensor:
    storage, offset, shape, strides = view
    if not len(shape) == len(strides) <= MAX_DIMENSIONS:
        raise ValueError("its shapes make no sense")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise ValueError("its shapes make no sense")
    steps = ((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    extent = 0 if 0 in shape else 1 + sum(steps)
    elements = 1
    for side in shape:
        elements *= side
    if offset + extent > storage.length or elements > extent:  # a stride of 0 repeats elements
        raise ValueError("its tensors are larger than the file")
    start = starts[storage] + offset * storage.dtype.itemsize
    return StoredTensor(path, storage.dtype, shape, strides, start, extent)


def _archive(file: _Bounded) -> tuple[Any, dict[Storage, int]]:
    """Tensors that the pickle of an archive describes, and where each storage begins."""
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        plain = (
            e.compress_type == zipfile.ZIP_STORED and not e.flag_bits & 1 for e in entries.values()
        )
        if not all(plain):
            raise ValueError("its entries are compressed")
        if sum(entry.file_size for entry in entries.values()) > file.size:
            raise ValueError("its entries are larger than the file")
        (pickled,) = (name for name in entries if name.endswith("data.pkl"))
        root = pickled.removesuffix("data.pkl")
        if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are of another byte order")
        header = TorchPickle(io.BytesIO(archive.read(pickled)))
    state = header.interpret()
    starts = {}
    for storage in header.storages.values():
        entry = entries[f"{root}data/{storage.key}"]
        file.seek(entry.header_offset)
        mark, name, extra = _LOCAL_ENTRY.unpack(file.read(_LOCAL_ENTRY.size))
        starts[storage] = entry.header_offset + _LOCAL_ENTRY.size + name + extra
        size = storage.length * storage.dtype.itemsize
        if mark != b"PK\3\4" or size > entry.file_size or starts[storage] + size > file.size:
            raise ValueError("it is truncated")
    return state, starts


def _sequence(file: _Bounded) -> tuple[Any, dict[Storage, int]]:
    """The same of a file from before torch 1.6: five pickles, then the storages."""
    header = TorchPickle(io.BytesIO(file.read(min(file.size, MAX_HEADER))))
    if header.interpret() != _MAGIC or header.interpret() != _PROTOCOL:
        raise ValueError("it is no file of torch.save")
    if header.interpret()["little_endian"] is not True:
        raise ValueError("its numbers are of another byte order")
    state, keys = header.interpret(), header.interpret()
    place = header.stream.tell()
    starts = {}
    for key in keys:
        storage = header.storages[key]
        file.seek(place)
        if struct.unpack("<q", file.read(8)) != (storage.length,):
            raise ValueError("its sizes do not fit")
        starts[storage] = place + 8
        place += 8 + storage.length * storage.dtype.itemsize
        if place > file.size:
            raise ValueError("it is truncated")
    return state, starts
