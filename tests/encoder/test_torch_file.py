"""A `.pth` file takes no more memory than it has bytes, whatever its header says."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stylecli.encoder.torch_file import MAX_HEADER, StoredTensor, read_torch_file

Write = Callable[[bytes], Path]
MANY = 2**31 - 1


@pytest.fixture(params=["archive", "sequence"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """A file of torch.save's, of either format, with a pickle of ours in it."""

    def write(pickled: bytes) -> Path:
        path = tmp_path / "a.pth"
        if request.param == "archive":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a/data.pkl", pickled)
                archive.writestr("a/data/0", bytes(400))
        else:
            file = io.BytesIO()
            torch.save({}, file, _use_new_zipfile_serialization=False)
            start = file.getvalue()
            before = start[: start.index(pickle.dumps({}, 2), start.index(b"type_sizes"))]
            keys = ["0"] if b"storage" in pickled else []
            end = pickle.dumps(keys, 2) + struct.pack("<q", 100) + bytes(400)
            path.write_bytes(before + pickled + end)
        return path

    return write


def stored(count: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A pickle of one tensor that says so."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            if isinstance(value, Storage):
                return "storage", torch.FloatStorage, "0", "cpu", count, None
            return None

    class Storage:
        pass

    class Tensor:
        def __reduce__(self) -> Any:
            rebuild = torch._utils._rebuild_tensor_v2
            return rebuild, (Storage(), 0, shape, strides, False, OrderedDict())

    file = io.BytesIO()
    Pickler(file, 2).dump({"0.bias": Tensor()})
    return file.getvalue()


def peak_of(path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^[\x20-\x7e]+$"):
            read_torch_file(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_honest_one(written: Write) -> None:
    (tensor,) = read_torch_file(written(stored(100, (10, 10), (10, 1)))).values()
    assert isinstance(tensor, StoredTensor)
    assert torch.equal(tensor.read(), torch.zeros(10, 10))


@pytest.mark.parametrize(
    "pickled",
    [
        pickle.dumps({"a": bytearray(3)}, 2).replace(b"K\x03", b"J\xff\xff\xff\x7f"),
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x05\x96\xff\xff\xff\x7f\0\0\0\0.",  # a bytearray by its length alone
        b"\x80\x02" + b"\x85" * 10_000,  # tuples in tuples
        b"\x80\x02})" + b"\x85" * 20_000 + b"K\1s.",  # the same as a name, to be hashed
        b"\x80\x02" + b"]" * (MAX_HEADER + 1),
        b"\x80\x02c" + b"a" * 100_000,
        stored(MANY, (MANY,), (1,)),
        stored(100, (MANY,), (0,)),
        stored(100, (101,), (1,)),
        stored(100, (1,) * 9, (1,) * 9),
        stored(-1, (1,), (1,)),
    ],
    ids=range(12),
)
def test_what_asks_for_more_than_there_is(written: Write, pickled: bytes) -> None:
    assert peak_of(written(pickled)) < 100 * MAX_HEADER


def test_tensors_that_share_their_elements(written: Write) -> None:
    one = stored(100, (100,), (1,))
    body = one[len(b"\x80\x02}q\0") : -2]
    repeated = b"".join(body.replace(b"0.bias", b"%06d" % i) + b"s" for i in range(50))
    assert peak_of(written(b"\x80\x02}q\0" + repeated + b".")) < 100 * MAX_HEADER


def test_a_list_that_is_used_again_and_again(written: Write) -> None:
    """Linear: each pair becomes an item of a dict once."""
    pairs = b"]q\1(" + b"X\1\0\0\0aK\1\x86" * 500 + b"e"
    head = b"\x80\x02}X\1\0\0\0r](ccollections\nOrderedDict\nq\2" + pairs
    path = written(head + b"h\2h\1\x85R" * 500 + b"es.")
    made = [value for value in read_torch_file(path)["r"] if isinstance(value, dict)]
    assert made == [{"a": 1}] + [{}] * 499


def test_the_index_of_a_memo(written: Write) -> None:
    assert read_torch_file(written(b"\x80\x02}r\xff\xff\xff\x7f.")) == {}


@pytest.mark.parametrize("name", ["data.pkl", "other"])
def test_compressed_entries(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"a/{name}", bytes(30_000_000), zipfile.ZIP_DEFLATED)
        archive.writestr(f"a/{'other' if name == 'data.pkl' else 'data.pkl'}", pickle.dumps({}, 2))
    tracemalloc.start()
    with pytest.raises(ValueError, match="compressed"):
        read_torch_file(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_directory_of_very_many_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    entry = b"PK\1\2" + bytes(24) + b"\1\0" + bytes(16) + b"a"
    directory = entry * 20_000
    end = struct.pack("<4s4xHHIIH", b"PK\5\6", 0xFFFF, 0xFFFF, len(directory), 0, 0)
    path.write_bytes(directory + end)
    assert peak_of(path) < 2 * MAX_HEADER
