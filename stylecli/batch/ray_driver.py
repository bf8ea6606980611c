"""Ray driver: hires workers by plain resource demands, and sends them groups.

It runs in a process of its own (`ray_engine`), since a call into Ray may block for a minute, print,
or end the process. What it reports goes through `send`.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from stylecli.batch.actor_pool import ActorHandle, ActorPool
from stylecli.batch.cluster_worker import describe_machine
from stylecli.batch.grouping import Group, located, with_paths_of
from stylecli.batch.outcome import Outcome
from stylecli.batch.scheduling import (
    ClusterOptions,
    Machine,
    blames_machine,
    can_try,
    fault_of,
    machines_of,
)
from stylecli.batch.task_queue import Queue
from stylecli.batch.transport import InputFile, Made, Reply, delivered, files_of
from stylecli.bounded_cache import BoundedCache
from stylecli.errors import InputError, MemoryLimitError, UsageError
from stylecli.messages import escaped, reason

ATTEMPTS: Final = 3  # for a job, and for workers to come to life where none does
HEARTBEAT: Final = 1.0  # seconds between looks at progress and at machines
PATIENCE: Final = 60.0  # seconds between sentences about waiting
GIVE_UP: Final = 900.0  # seconds for an autoscaler to bring a machine where none has room
SENT_BYTES: Final = 2**29  # of styles and weights kept in the object store for the next groups

Send = Callable[[str, Any], None]


class RayDriver(ActorPool):
    """Runs groups on the workers of a cluster that is joined already.

    Raises `UsageError` where no machine can work.
    """

    def __init__(self, ray: Any, options: ClusterOptions, groups: Sequence[Group], send: Send):
        super().__init__(ray, options, groups, Queue(groups, ATTEMPTS))
        self.send = send
        self.here = {**describe_machine([]), "ray": ray.__version__}
        self.lacking: set[tuple[str, str]] = set()  # machines and encoders whose weights they lack
        self.failed_starts = 0
        self.fault = "there is none"  # why no machine can work, as far as is known
        self.told: set[str] = set()
        self.sent: BoundedCache[InputFile, tuple[Any, int]] = BoundedCache(
            SENT_BYTES, lambda entry: entry[1]
        )

    def run(self, silence: float) -> None:
        """Report each group as it ends, how far all are, and that the head answers.

        The next such sign of it may take `silence` seconds.
        """
        ended = threading.Event()
        threading.Thread(target=self._watch, args=(ended, silence), daemon=True).start()
        polled, busy = float("-inf"), time.monotonic()
        self.waits_since = busy
        try:
            while self.queue.waiting or any(handle.task for handle in self.handles):
                now = time.monotonic()
                if now - polled >= HEARTBEAT:
                    polled = now
                    if self.barred and not can_try(self.machines, self.demand, self.unwanted()):
                        self._report_waiting(0.0)
                    self.hire()
                    self._poll_progress()
                    self.send("fraction", self.queue.fraction)
                    if any(handle.task for handle in self.handles):
                        busy = self.waits_since = now
                    elif now - busy >= PATIENCE:
                        busy = now
                        self._report_waiting(now - self.waits_since)
                        for waiting in self.queue.waiting:
                            waiting.tried = frozenset()  # the others are not to be had
                for handle in self.handles:
                    if handle.is_idle and self.queue.has_for(handle.node):
                        handle.task = self.queue.take(handle.node)
                        self._submit(handle)
                for handle in self.ready_handles(HEARTBEAT):
                    self._handle_reply(handle)
        finally:
            ended.set()
            self.stop(self.handles)

    def _watch(self, ended: threading.Event, silence: float) -> None:
        """Report that the head answers, and look who is there; it blocks where the head is dead."""
        while not ended.is_set():
            try:
                self.machines = machines_of(self.ray.nodes())
            except Exception as error:
                self.send("lost", brief(error))
                return
            self.send("alive", silence)
            ended.wait(HEARTBEAT)

    def _report_waiting(self, seconds: float) -> None:
        """Say that a machine is awaited. Raises `UsageError` where none can come."""
        able = can_try(self.machines, self.demand, self.unwanted())
        if not able and (self.barred or seconds >= GIVE_UP):
            raise UsageError(
                f"the Ray cluster has no machine that can work with {self.demand}: {self.fault}."
            )
        state = "all are in use" if able else "none has that; an autoscaler may bring one"
        self.send("say", f"Waiting for a machine of the Ray cluster with {self.demand}: {state}")

    def _submit(self, handle: ActorHandle) -> None:
        """Send a group, with its files where the machine does not see them."""
        assert handle.task is not None and handle.machine is not None
        group = located(handle.task.group)
        share = min(
            self.demand.most_on(handle.machine), self.options.workers or 256, self.queue.total
        )
        try:
            files = [
                (file, None if self._sees(handle, file) else self._content_of(file))
                for file in files_of(group.jobs)
            ]
        except OSError as error:  # it has gone since the batch began
            fault = InputError(f"cannot read {escaped(error.filename)}: {reason(error)}.")
            failed = [
                Outcome.failed(job.content, job.styles, job.output, fault)
                for job in handle.task.group.jobs
            ]
            self.send("ended", self.queue.finish(handle.task, failed))
            handle.task = None
            return
        handle.reply = handle.actor.work.remote(group, files, max(1, share))

    def _sees(self, handle: ActorHandle, file: InputFile) -> bool:
        """Whether a worker's machine has the file, as far as is known."""
        if file.encoder:
            return (handle.node, file.encoder) not in self.lacking
        return handle.shares_files

    def _content_of(self, file: InputFile) -> Any:
        """A reference to a file's bytes in the object store; styles and weights stay there."""
        entry = self.sent.get(file)
        if entry is None:
            with open(file.path, "rb") as stream:
                data = stream.read()
            entry = self.ray.put(data), len(data)
            self.sent.put(file, entry)
        return entry[0]

    def _poll_progress(self) -> None:
        """Poll the progress of busy actors without waiting for it."""
        for handle in self.handles:
            if handle.task is None:
                handle.progress_ref = None
            elif handle.progress_ref is None:
                handle.progress_ref = handle.actor.progress.remote()
            elif self.ray.wait([handle.progress_ref], timeout=0)[0]:
                with contextlib.suppress(self.ray.exceptions.RayError):
                    handle.task.share = self.ray.get(handle.progress_ref)
                handle.progress_ref = None

    def _handle_reply(self, handle: ActorHandle) -> None:
        try:
            reply = self.ray.get(handle.reply)
        except self.ray.exceptions.RayError as error:
            self._lose(handle, brief(error))
            return
        handle.reply = None
        if handle.machine is None:
            self._welcome(handle, reply)
        elif reply.missing:
            self._note_missing(handle, reply.missing)
            self._submit(handle)
        else:
            self._settle(handle, reply)

    def _welcome(self, handle: ActorHandle, greeting: dict[str, Any]) -> None:
        """Give an actor its machine, or leave that machine out."""
        node = greeting["node"]
        machine = self.machines.get(node) or Machine(node, greeting["host"], {})
        fault = fault_of(greeting, self.here, self.demand)
        if fault is not None:
            self.barred.add(node)
            self.fault = f"{machine.name}: {fault}"
            self._tell(f"The machine {machine.name} is left out: {fault}")
            self.stop([handle])
            return
        handle.machine, self.failed_starts = machine, 0
        if greeting["torch"].partition("+")[0] != self.here["torch"].partition("+")[0]:
            self._tell(
                f"The machine {machine.name} has PyTorch {greeting['torch']}, and not "
                f"{self.here['torch']}: its pictures may differ in single pixels"
            )
        self._note_missing(handle, [InputFile(*values) for values in greeting["missing"]])

    def _note_missing(self, handle: ActorHandle, missing: Sequence[InputFile]) -> None:
        """Remember what a machine does not have, and say that it is sent."""
        assert handle.machine is not None
        name = handle.machine.name
        for encoder in {file.encoder for file in missing} - {""}:
            self.lacking.add((handle.node, encoder))
            self._tell(f"The machine {name} lacks the weights of {encoder}: they are sent to it")
        if any(not file.encoder for file in missing):
            handle.shares_files = False
            if "unshared" not in self.told:
                self.told.add("unshared")
                self._tell(
                    f"The machine {name} does not see the input files: they are sent through Ray"
                )

    def _tell(self, text: str) -> None:
        """Send a note, once."""
        if text not in self.told:
            self.told.add(text)
            self.send("say", f"Note: {text}.")

    def _settle(self, handle: ActorHandle, reply: Reply) -> None:
        """Put a group's pictures in place, and report them; failures may be tried elsewhere."""
        task, handle.task, handle.progress_ref = handle.task, None, None
        assert task is not None and handle.machine is not None
        jobs = located(task.group).jobs
        for job in jobs:  # its weights are there by now
            self.lacking.discard((handle.node, job.settings.encoder_name))
        outcomes = [
            self._placed(job, made, handle.machine)
            for job, made in zip(jobs, reply.made, strict=True)
        ]
        outcomes = with_paths_of(task.group, outcomes)
        tried = task.tried | {handle.machine.node}
        places: list[int] = []
        if task.begun < ATTEMPTS and can_try(self.machines, self.demand, self.unwanted() | tried):
            made = enumerate(reply.made)
            places = [place for place, one in made if blames_machine(one.outcome)]
        for place in places:
            self._tell(f"Tried on another machine: {outcomes[place].error}".rstrip("."))
        self.send("ended", self.queue.retry(task, outcomes, places, tried))

    @staticmethod
    def _placed(job: Any, made: Made, machine: Machine) -> Outcome:
        """The outcome with its picture in place; a failure of the machine's names it."""
        if not blames_machine(made.outcome):
            return delivered(job, made)
        error = f"{str(made.outcome.error).rstrip('.')} (on {machine.name})."
        return replace(made.outcome, error=error)

    def _lose(self, handle: ActorHandle, why: str) -> None:
        """Requeue the group of a worker that was lost."""
        self.stop([handle])
        if handle.machine is None:
            self.failed_starts += 1
            self.fault = why
            if self.failed_starts >= ATTEMPTS and not any(other.machine for other in self.handles):
                raise UsageError(f"the Ray cluster has no machine that can work: {why}.")
            return
        if handle.task is None:
            return
        name = handle.machine.name
        self.send("say", f"Note: A worker on {name} was lost: {why}.")
        error = MemoryLimitError(f"the worker that made it was lost on {name}: {why}.")
        tried = handle.task.tried | {handle.machine.node}
        if not can_try(self.machines, self.demand, self.unwanted() | tried):
            tried = frozenset()  # there is no other
        ended = self.queue.lose(handle.task, error, tried)
        if ended is not None:
            self.send("ended", ended)


def brief(error: Exception) -> str:
    """What an error says: Ray puts a page of text before it, ends lines, and colors some."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    lines = text.splitlines()
    if len(text) > 400 or "Traceback" in text:
        text = next((line for line in reversed(lines) if line.strip()), "")
    return " ".join(text.split())[:300].rstrip(".") or type(error).__name__
