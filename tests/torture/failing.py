"""Calls of the system that fail: the n-th that touches a folder, one run after another."""

import errno
import io
import os
from collections.abc import Callable
from typing import Any, Final

import pytest

CODES: Final = (errno.ENOSPC, errno.EIO, errno.EACCES)
CALLS: Final = (
    *("open", "mkdir", "chmod", "fsync", "replace", "link"),
    *("fstat", "pread", "write", "close"),
)


class Faults:
    """Makes the n-th call that touches a folder fail, and then all is well again."""

    def __init__(self, folder: object, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.left, self.code, self.hit = str(folder), 0, 0, ""
        for name in CALLS:
            patch.setattr(os, name, self._guarded(name, getattr(os, name)))
        patch.setattr(os, "fdopen", self._opened)

    def arm(self, number: int, code: int) -> None:
        self.left, self.code, self.hit = number, code, ""

    def disarm(self) -> str:
        """What has failed, if anything has."""
        self.left = 0
        return self.hit

    def meet(self, name: str, place: object) -> None:
        if self.left == 0 or not self._concerns(place):
            return
        self.left -= 1
        if self.left == 0:
            self.hit = name
            raise OSError(self.code, os.strerror(self.code), str(place))

    def _concerns(self, place: object) -> bool:
        if isinstance(place, int):
            try:
                place = os.readlink(f"/proc/self/fd/{place}")
            except OSError:
                return False
        return os.path.abspath(os.fsdecode(str(place))).startswith(self.folder)

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **more: Any) -> Any:
            place = values[0]
            try:
                self.meet(name, place)
            except OSError:
                if name == "close":  # as the system does: it is closed all the same
                    real(*values, **more)
                raise
            return real(*values, **more)

        return call

    def _opened(self, descriptor: int, mode: str) -> Any:
        assert mode == "w+b"
        return io.BufferedRandom(Raw(descriptor, self))


class Raw(io.FileIO):
    """A file whose writes may fail."""

    def __init__(self, descriptor: int, faults: Faults) -> None:
        super().__init__(descriptor, "w+b")
        self.faults = faults

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        self.faults.meet("file.write", self.fileno())
        return super().write(data)

    def close(self) -> None:
        place = -1 if self.closed else self.fileno()
        name = os.readlink(f"/proc/self/fd/{place}") if place >= 0 else ""
        super().close()
        if name:
            self.faults.meet("file.close", name)


def every_fault(
    faults: Faults, prepare: Callable[[], object], attempt: Callable[[], None]
) -> set[str]:
    """Let each call of an attempt fail with each error; the names of all that did."""
    found: set[str] = set()
    for code in CODES:
        for number in range(1, 1000):
            prepare()
            faults.arm(number, code)
            attempt()
            if not faults.hit:
                break
            found.add(faults.disarm())
        else:
            pytest.fail("a run has too many calls to fail each")
    return found
