"""Cluster worker: what an actor does with a group on its machine."""

import functools
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from stylecli._version import __version__
from stylecli.batch.grouping import Group
from stylecli.batch.transport import InputFile, Reply, Scratch, made_elsewhere, relocated
from stylecli.batch.worker import work
from stylecli.batch.worker_count import with_share
from stylecli.pipeline.session import Session

_PACKAGE: Final = Path(__file__).parents[1]


class ClusterWorker:
    """Makes groups with a number of threads and a part of a GPU."""

    def __init__(self, threads: int, gpus: float) -> None:
        self.threads, self.gpus = threads, gpus
        self.session = Session()
        self.scratch = Scratch()
        self.done = 0.0

    def work(
        self,
        group: Group,
        files: Sequence[tuple[InputFile, Any]],
        share: int,
        fetch: Callable[[Any], bytes],
    ) -> Reply:
        """What came of a group; a file without a reference is read where it is.

        Files of which this machine has no equal are returned, and nothing is made.
        """
        missing = [file for file, content in files if content is None and not file.is_here]
        if missing:
            return Reply([], tuple(missing))
        torch.set_num_threads(self.threads)
        self.done = 0.0
        self.scratch.keep_only(file for file, _ in files)
        places = {
            Path(file.path): self.scratch.place(file, functools.partial(fetch, content))
            for file, content in files
            if content is not None
        }
        with tempfile.TemporaryDirectory(dir=self.scratch.folder) as folder:
            moved = relocated(self._within_share(group, share), places, Path(folder))
            outcomes = work(self.session, moved, on_fraction=self._report)
            return Reply(made_elsewhere(group, moved, places, outcomes))

    def _report(self, fraction: float) -> None:
        self.done = fraction

    def _within_share(self, group: Group, share: int) -> Group:
        """The group with a worker's share of the memory that it is allowed, or of its GPU's."""
        if not 0 < self.gpus < 1 or not torch.cuda.is_available():
            return with_share(group, share)
        most = int(torch.cuda.mem_get_info()[1] * self.gpus)
        jobs = [
            replace(
                job,
                compute=replace(
                    job.compute, max_memory=str(min(most, job.compute.max_bytes or most))
                ),
            )
            for job in group.jobs
        ]
        return replace(group, jobs=tuple(jobs))


def describe_machine(files: Sequence[Sequence[Any]]) -> Mapping[str, Any]:
    """Versions, the number of GPUs, and which files are not seen here; plain values."""
    return {
        "version": __version__,
        "code": code_digest(),
        "torch": str(torch.__version__),
        "gpus": torch.cuda.device_count(),
        "missing": [values for values in files if not InputFile(*values).is_here],
    }


@functools.cache
def code_digest() -> str:
    """A hash of this package's source: two of one version may differ."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]
