"""The operating system: memory, cores, processes, and calls that differ from system to system.

Memory and cores are measured by psutil, within the limits of a container (Linux control groups,
version 1 and 2) and of the process itself (`ulimit -v`). psutil is imported where it is used: it
costs 20 ms.
"""

import contextlib
import errno
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
UNLIMITED: Final = sys.maxsize
_LOCKED: Final = 2**30  # the byte that is locked on Windows, past all that is read or written


def on_windows() -> bool:
    """Whether this system is Windows."""
    return sys.platform == "win32"


def long_paths_allowed() -> bool:
    """Whether paths of more than 259 characters can be opened: on Windows a setting."""
    if sys.platform == "win32":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # before Windows 10
            return bool(ctypes.WinDLL("ntdll").RtlAreLongPathsEnabled())
        return False
    else:
        return True


def machine_name() -> str:
    """A name of this machine that lasts: on macOS the host's name changes with the network."""
    if sys.platform == "darwin":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            uuid, timeout = (ctypes.c_ubyte * 16)(), (ctypes.c_long * 2)()
            if ctypes.CDLL(None).gethostuuid(uuid, timeout) == 0:
                return bytes(uuid).hex()
    return platform.node()


def sync(descriptor: int) -> None:
    """Have a file's bytes on the medium: fsync on macOS leaves them in the drive's cache."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # network folders have no such call
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


@contextlib.contextmanager
def locked(descriptor: int, patience: float) -> Iterator[bool]:
    """Hold a file against other processes within; yields whether it is held.

    It is not where the system has no locks, or another process has kept it for `patience` seconds.
    """
    held = _lock(descriptor, patience)
    try:
        yield held
    finally:
        if held and sys.platform == "win32":  # elsewhere the lock goes with the descriptor
            import msvcrt

            os.lseek(descriptor, _LOCKED, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)


def _lock(descriptor: int, patience: float) -> bool:
    """Lock a file; Windows itself waits ten seconds, or not at all."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED, os.SEEK_SET)
        with contextlib.suppress(OSError):
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if patience else msvcrt.LK_NBLCK, 1)
            return True
        return False
    else:
        import fcntl

        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                # Some file systems have no locks.
                if error.errno != errno.EWOULDBLOCK or time.monotonic() >= end:
                    return False
                time.sleep(0.01)
            else:
                return True


def ignore_console(ignore: bool) -> None:
    """On Windows have this process, and those it starts now, ignore Ctrl-C, or hear it again.

    A handler of Python's is not inherited there, as an ignored signal is elsewhere.
    """
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetConsoleCtrlHandler(None, ignore)


def free_memory(root: Path = ROOT) -> int:
    """Bytes that programs can still take: of the machine's memory, and of a container's limit."""
    import psutil

    left = [limit - used for limit, used in _memory_limits(root)]
    return max(0, min([psutil.virtual_memory().available, *left]))


def total_memory(root: Path = ROOT) -> int:
    """Bytes of the machine's memory, or of a container's limit."""
    import psutil

    return min([psutil.virtual_memory().total, *(limit for limit, _ in _memory_limits(root))])


def free_addresses() -> int:
    """Bytes of addresses that a limit such as `ulimit -v` leaves; `UNLIMITED` without one."""
    if sys.platform == "win32":
        return UNLIMITED
    else:
        import resource

        import psutil

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return UNLIMITED
        return max(0, limit - psutil.Process().memory_info().vms)


def resident_memory() -> int:
    """Bytes of memory that this process holds."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def usable_cores(root: Path = ROOT) -> int:
    """Cores that this process may run on, or as many as a container's quota is worth, rounded up.

    A quota of 1.5 cores counts as 2.
    """
    import psutil

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        cores = len(process.cpu_affinity())
    else:
        cores = psutil.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _core_quotas(root))]))


def process_is_alive(process: int) -> bool:
    """Whether a process of this number runs, as far as this user may know."""
    import psutil

    return psutil.pid_exists(process)


def _memory_limits(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, bytes in use) of each control group above this process that has a limit.

    Page cache that is not in use can go at once, and does not count.
    """
    for group in _control_groups("memory", root):
        for limit, used, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            # No such file, or `max`: no limit. Version 1 writes some 2**63 where there is none.
            with contextlib.suppress(OSError, ValueError):
                lines = _read(group / "memory.stat").splitlines()
                stat = dict(line.split() for line in lines)
                size = int(_read(group / limit))
                yield size, int(_read(group / used)) - int(stat.get(cache, 0))


def _core_quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time that each control group above this process allows, if it limits it."""
    for group in _control_groups("cpu", root):
        with contextlib.suppress(OSError, ValueError):  # `max 100000`: no limit
            quota, period = map(int, _read(group / "cpu.max").split())
            yield quota / period
        with contextlib.suppress(OSError, ValueError):
            quota = int(_read(group / "cpu.cfs_quota_us"))
            if quota > 0:  # -1: no limit
                yield quota / int(_read(group / "cpu.cfs_period_us"))


def _control_groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of the control groups that this process is in, from the inmost to the outmost.

    A container may be shown a name that leads nowhere from within, but always the top.
    """
    try:
        lines = _read(root / "proc/self/cgroup").splitlines()
    except (OSError, ValueError):
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:  # version 2, beside version 1 perhaps
            tops = [mounts, mounts / "unified"]
        elif controller in controllers.split(","):
            tops = [mounts / controllers, mounts / controller]
        else:
            continue
        for top in tops:
            inmost = top / name.lstrip("/")
            yield from (group for group in (inmost, *inmost.parents) if group.is_relative_to(top))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
