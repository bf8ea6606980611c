"""Worker count: the number of processes for a batch without --workers."""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch

from stylecli.batch.grouping import Group
from stylecli.batch.processes import most_workers
from stylecli.settings import Compute
from stylecli.system import usable_cores
from stylecli.transfer.compute.device import resolve_device
from stylecli.transfer.memory_model import PROCESS
from stylecli.transfer.memory_plan import memory_limit

WORTH_IT: Final = 100e6  # of `Group.cost`: half a minute on two cores; to begin takes some 2 s
# Threads wait for each other hundreds of times an iteration: measured on small pictures, two make
# a process 1.7 times as fast, which is this power of 2.
SPEED_UP: Final = 0.75
BYTES_A_PIXEL: Final = 6600  # of VGG-19 in float32, the most there is; the default takes 2000


def count_workers(groups: Sequence[Group]) -> int:
    """The fastest number of workers within cores, groups and memory; on GPUs one for each."""
    jobs = [job for group in groups for job in group.jobs]
    if sum(group.cost for group in groups) < WORTH_IT:
        return 1
    shared = shared_devices(groups)
    if shared:
        return min(len(shared), len(groups), most_workers())
    device = torch.device("cpu")
    if any(resolve_device(job.compute.device) != device for job in jobs):
        return 1
    need = memory_need(groups)
    allowed = min(memory_limit(device, job.compute.max_bytes) for job in jobs)
    most = min(
        most_workers(), torch.get_num_threads(), usable_cores(), len(groups), allowed // need
    )
    return min(range(1, most + 1), key=lambda workers: _time(groups, workers), default=1)


def memory_need(groups: Sequence[Group]) -> int:
    """Bytes of memory with which a worker can make any of the groups without tiles."""
    return PROCESS + max(group.pixels for group in groups) * BYTES_A_PIXEL


def _time(groups: Sequence[Group], workers: int) -> float:
    """Time of the last worker, in no unit, where the longest groups go first."""
    loads = [0] * workers
    for cost in sorted((group.cost for group in groups), reverse=True):
        heapq.heapreplace(loads, loads[0] + cost)
    return float(max(loads) / threads_each(workers) ** SPEED_UP)


def threads_each(workers: int) -> int:
    """A worker's share of the cores."""
    return max(1, torch.get_num_threads() // workers)


def shared_devices(groups: Sequence[Group]) -> tuple[str, ...]:
    """Names of the CUDA devices that workers share: all, unless a job is on a CPU or names one."""
    names = {job.compute.device for group in groups for job in group.jobs}
    if not names <= {"auto", "cuda"} or not torch.cuda.is_available():
        return ()
    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))


def on_device(group: Group, device: str | None) -> Group:
    """The group with its jobs on a device; as it is for `None`."""
    if device is None:
        return group
    jobs = tuple(replace(job, compute=replace(job.compute, device=device)) for job in group.jobs)
    return replace(group, jobs=jobs)


def with_share(group: Group, workers: int) -> Group:
    """The group with a worker's share of the memory that its jobs are allowed."""

    def with_less_memory(compute: Compute) -> Compute:
        allowed = compute.max_bytes
        return compute if allowed is None else replace(compute, max_memory=str(allowed // workers))

    jobs = tuple(replace(job, compute=with_less_memory(job.compute)) for job in group.jobs)
    return replace(group, jobs=jobs)
