"""Ray actor. Its code is sent along, so that a machine without this package can say so.

Hence nothing of this package is imported at the top.
"""

from typing import Any


class StyleActor:
    """Holds an encoder and makes groups, in a process on some machine."""

    def __init__(self, threads: int, gpus: float) -> None:
        self.threads, self.gpus = threads, gpus
        self.worker: Any = None

    def greet(self, files: list[Any]) -> dict[str, Any]:
        """The machine, its versions, which of the files it does not see, or its fault."""
        import socket

        import ray

        node = ray.get_runtime_context().get_node_id()
        greeting: dict[str, Any] = {
            "node": node,
            "host": socket.gethostname(),
            "ray": ray.__version__,
        }
        try:
            from stylecli.batch.cluster_worker import ClusterWorker, describe_machine

            self.worker = ClusterWorker(self.threads, self.gpus)
            greeting |= describe_machine(files)
        except Exception as error:  # whatever another version does
            greeting["fault"] = f"{type(error).__name__}: {error}"
        return greeting

    def work(self, group: Any, files: list[Any], share: int) -> Any:
        """What came of a group, or the files that are missing; `share` workers share the memory.

        Each file comes with its content's reference, or with none where it is here.
        """
        import ray

        return self.worker.work(group, files, share, ray.get)

    def progress(self) -> float:
        """The share of the group that is done, in [0, 1]; callable while `work` runs."""
        return float(self.worker.done)

    def close(self) -> None:
        """Remove the files that were sent."""
        if self.worker is not None:
            self.worker.scratch.close()
