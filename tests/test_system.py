"""Memory, cores and processes, as the machine and a container's control groups allow them."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stylecli.system import (
    UNLIMITED,
    free_addresses,
    free_memory,
    process_is_alive,
    total_memory,
    usable_cores,
)

MIB = 2**20
NO_LIMIT_V1 = 9223372036854771712  # how version 1 writes it


def make_v2(root: Path, limits: dict[str, str], name: str, top: str = "sys/fs/cgroup") -> None:
    """Groups with 700 MiB in use, 50 of them cache, and their limits."""
    membership(root, f"0::{name}")
    for group, limit in limits.items():
        folder = root / top / group
        write(folder / "memory.max", limit)
        write(folder / "memory.current", str(700 * MIB))
        write(folder / "memory.stat", f"anon 5\ninactive_file {50 * MIB}")


def make_v1(root: Path, limits: dict[str, int], name: str) -> None:
    membership(root, "9:name=systemd:/", f"4:memory:{name}", "1:cpu,cpuacct:/")
    for group, limit in limits.items():
        folder = root / "sys/fs/cgroup/memory" / group
        write(folder / "memory.limit_in_bytes", str(limit))
        write(folder / "memory.usage_in_bytes", str(700 * MIB))
        write(folder / "memory.stat", f"inactive_file 1\ntotal_inactive_file {50 * MIB}")


def membership(root: Path, *lines: str) -> None:
    write(root / "proc/self/cgroup", "\n".join(lines))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 4 of 16 GiB free, and 8 cores for this process."""
    memory = psutil.virtual_memory()._replace(available=4096 * MIB, total=16384 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    if hasattr(psutil.Process, "cpu_affinity"):
        monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: list(range(8)))


def memory_of(root: Path) -> tuple[int, int]:
    """Free and total memory in MiB."""
    return free_memory(root) // MIB, total_memory(root) // MIB


def test_no_control_groups(tmp_path: Path) -> None:
    assert memory_of(tmp_path) == (4096, 16384)
    assert usable_cores(tmp_path) == 8
    membership(tmp_path, "0::/", "4:memory:/a/b", "1:cpu:/")  # files are missing
    assert memory_of(tmp_path) == (4096, 16384)
    assert usable_cores(tmp_path) == 8


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"outer": "max", "outer/inner": "max"}, (4096, 16384)),
        ({"outer/inner": str(1000 * MIB)}, (350, 1000)),
        ({"outer": str(900 * MIB), "outer/inner": str(1000 * MIB)}, (250, 900)),
        ({"outer": str(900 * MIB), "outer/inner": "max"}, (250, 900)),
        ({"": str(900 * MIB)}, (250, 900)),  # as the group is seen from within a container
        ({"outer/inner": str(600 * MIB)}, (0, 600)),  # above its limit
        ({"outer": str(900 * MIB), "outer/inner": "what"}, (250, 900)),
        ({"other": "1"}, (4096, 16384)),
        ({"outer/inner": str(10**6 * MIB)}, (4096, 16384)),
    ],
)
@pytest.mark.parametrize("top", ["sys/fs/cgroup", "sys/fs/cgroup/unified"])
def test_version_2(
    tmp_path: Path, limits: dict[str, str], expected: tuple[int, int], top: str
) -> None:
    make_v2(tmp_path, limits, "/outer/inner", top)
    assert memory_of(tmp_path) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"": NO_LIMIT_V1, "outer/inner": NO_LIMIT_V1}, (4096, 16384)),
        ({"": NO_LIMIT_V1, "outer/inner": 1000 * MIB}, (350, 1000)),
        ({"outer": 900 * MIB, "outer/inner": NO_LIMIT_V1}, (250, 900)),
        ({"": 900 * MIB}, (250, 900)),
        ({"other": 1}, (4096, 16384)),
    ],
)
def test_version_1(tmp_path: Path, limits: dict[str, int], expected: tuple[int, int]) -> None:
    make_v1(tmp_path, limits, "/outer/inner")
    assert memory_of(tmp_path) == expected


def test_both_versions_side_by_side(tmp_path: Path) -> None:
    make_v2(tmp_path, {"a": str(1000 * MIB)}, "/a", "sys/fs/cgroup/unified")
    make_v1(tmp_path, {"b": 800 * MIB}, "/b")
    membership(tmp_path, "4:memory:/b", "0::/a")
    assert memory_of(tmp_path) == (150, 800)


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"outer": "max 100000", "outer/inner": "max 100000"}, 8),
        ({"outer/inner": "200000 100000"}, 2),
        ({"outer/inner": "150000 100000"}, 2),  # rounded up
        ({"outer": "10000 100000", "outer/inner": "max 100000"}, 1),
        ({"outer": "300000 100000", "outer/inner": "1600000 100000"}, 3),
        ({"": "what"}, 8),
    ],
)
def test_quota_of_version_2(tmp_path: Path, quotas: dict[str, str], cores: int) -> None:
    membership(tmp_path, "0::/outer/inner")
    for group, quota in quotas.items():
        write(tmp_path / "sys/fs/cgroup" / group / "cpu.max", quota)
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 8), (300000, 3), (50000, 1), (10**7, 8)])
def test_quota_of_version_1(tmp_path: Path, quota: int, cores: int) -> None:
    membership(tmp_path, "3:cpuset:/", "1:cpu,cpuacct:/outer")
    folder = tmp_path / "sys/fs/cgroup/cpu,cpuacct/outer"
    write(folder / "cpu.cfs_quota_us", str(quota))
    write(folder / "cpu.cfs_period_us", "100000")
    assert usable_cores(tmp_path) == cores


def test_a_system_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6
    monkeypatch.setattr(psutil, "cpu_count", lambda: None)
    assert usable_cores(tmp_path) == 1


def test_a_system_without_limits_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert free_addresses() == UNLIMITED


def test_limits_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    size = psutil.Process().memory_info().vms
    for limit, expected in ((size - 2**30, 0), (size + 2**30, 2**30)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert free_addresses() == pytest.approx(expected, abs=2**26)
    infinite = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (infinite, infinite))
    assert free_addresses() == UNLIMITED


def test_this_machine() -> None:
    assert 0 < free_memory() <= total_memory() < 2**50
    assert 1 <= usable_cores() <= 8


def test_processes() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process_is_alive(child.pid)
    assert not process_is_alive(child.pid)
    assert process_is_alive(os.getpid()) and not process_is_alive(999_999_999)
