import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from stylecli.transfer.compute import malloc
from stylecli.transfer.compute.malloc import release_free_memory, tuned_malloc

KEPT = {-1: 2**31 - 1, -2: 64 * 2**20, -4: 0}
AS_BEFORE = {-1: 128 * 1024, -2: 128 * 1024, -4: 65536}


class Library:
    """A C library that remembers its switches."""

    def __init__(self) -> None:
        self.switches: list[tuple[int, int]] = []
        self.trims: list[int] = []

    def mallopt(self, parameter: int, value: int) -> None:
        self.switches.append((parameter, value))

    def malloc_trim(self, pad: int) -> None:
        self.trims.append(pad)

    def gnu_get_libc_version(self) -> bytes:
        return b"2.0"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    fake = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: fake)
    return fake


def test_memory_is_kept_within_and_given_back_after(library: Library) -> None:
    with tuned_malloc():
        assert dict(library.switches) == KEPT and library.trims == []
        library.switches.clear()
    assert dict(library.switches) == AS_BEFORE
    assert library.trims == [0]


def test_the_last_of_several_runs_gives_it_back(library: Library) -> None:
    with tuned_malloc():
        library.switches.clear()
        with tuned_malloc():
            assert library.switches == []
        assert library.switches == []
    assert dict(library.switches) == AS_BEFORE


def test_a_failure_gives_it_back_too(library: Library) -> None:
    with pytest.raises(ValueError, match="failed"), tuned_malloc():
        library.switches.clear()
        raise ValueError("failed")
    assert dict(library.switches) == AS_BEFORE and library.trims == [0]
    library.switches.clear()
    with tuned_malloc():
        assert dict(library.switches) == KEPT


def test_release_free_memory(library: Library) -> None:
    release_free_memory()
    assert library.trims == [0] and library.switches == []


def raising(error: Exception) -> Any:
    def load(name: object) -> Any:
        raise error

    return load


@pytest.mark.parametrize(
    "load",
    [
        raising(OSError("no such library")),
        raising(TypeError("Windows wants a name")),
        lambda name: SimpleNamespace(),
        lambda name: SimpleNamespace(mallopt=0, malloc_trim=0),  # has them, but is not GNU's
    ],
)
def test_other_libraries_are_left_alone(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", load)
    with tuned_malloc():
        assert malloc._runs == 1
    assert malloc._runs == 0
    release_free_memory()


def test_this_library() -> None:
    """Whatever it is: nothing fails, and numbers stay numbers."""
    with tuned_malloc():
        kept = [bytes(2**20) for _ in range(3)]
    release_free_memory()
    assert all(len(one) == 2**20 for one in kept)
