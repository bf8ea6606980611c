"""Ray engine: a batch on a cluster, or on a Ray started here for it.

Ray itself is driven in a process of its own: it prints what it likes to standard output, and where
a cluster's head is gone its calls block for a minute, deaf to signals, and then end the process.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, Final

from stylecli.batch.grouping import Group
from stylecli.batch.outcome import Outcome
from stylecli.batch.processes import (
    clean_environment,
    end_with_parent,
    starting_processes,
    worker_context,
)
from stylecli.batch.ray_start import ANSWER, check_installed, check_reachable, import_ray
from stylecli.batch.scheduling import ClusterOptions
from stylecli.encoder.cache import pull, status_of
from stylecli.encoder.callbacks import DownloadCallback, MessageCallback
from stylecli.encoder.registry import get_spec, is_path
from stylecli.errors import ClusterError, StylecliError, UsageError
from stylecli.messages import ignore
from stylecli.transfer.results import OnFraction

LOADING: Final = 120.0  # seconds to import Ray
STARTING: Final = 120.0  # seconds for a Ray that is started here
SILENCE: Final = 8.0  # seconds without a sign of the head, which is looked at every second
STOPPING: Final = 5.0  # seconds to leave a cluster, or to end a Ray that was started here
JOB_CONFIG: Final = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # by which `ray job submit` hands it over, too
PACKAGE_FOLDER: Final = Path(__file__).parents[2]
GO_ON: Final = "the same command with --skip-existing makes what is left"
Ended = Iterator[tuple[Group, list[Outcome]]]


class RayEngine:
    """Groups on the machines of a Ray cluster, or of one started here for the batch.

    Raises `UsageError` where Ray is not installed; `run` does where no cluster answers, and
    `ClusterError` where one no longer does.
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        on_message: MessageCallback | None = None,
        on_download: DownloadCallback | None = None,
    ) -> None:
        check_installed()
        self.options = options or ClusterOptions()
        self.say = on_message or ignore
        self.on_download = on_download

    def run(self, groups: Sequence[Group], *, on_fraction: OnFraction) -> Ended:
        """Groups as they end."""
        if not groups:
            return
        self._fetch_encoders(groups)
        address = self.address
        process_context = worker_context()
        ours, theirs = process_context.Pipe()
        process = process_context.Process(
            target=drive, args=(theirs, address, self.options, groups, _environment()), daemon=True
        )
        with starting_processes():
            process.start()
        theirs.close()
        answers = True
        try:
            yield from self._messages(ours, address, on_fraction)
        except ClusterError:
            answers = False
            raise
        finally:
            ours.close()
            _end(process, STOPPING if answers else 0.0)

    @property
    def address(self) -> str:
        """The cluster's address: as given, that this process has joined, or `local`."""
        context = _joined()
        return (
            self.options.address
            or (context and str(context.gcs_address))
            or os.environ.get("RAY_ADDRESS")
            or "local"
        )

    def _fetch_encoders(self, groups: Sequence[Group]) -> None:
        """Download encoders here, with progress, not on every machine; errors come from there."""
        jobs = [job for group in groups for job in group.jobs]
        wanted = {job.settings.encoder_name for job in jobs} & {
            name for job in jobs for name in job.downloadable
        }
        for name in sorted(wanted):
            with contextlib.suppress(StylecliError):
                if (
                    not is_path(name)
                    and get_spec(name).url
                    and not status_of(get_spec(name)).present
                ):
                    pull(name, on_download=self.on_download, on_message=self.say)

    def _messages(self, connection: Connection, address: str, on_fraction: OnFraction) -> Ended:
        """Groups that have ended, until all have, the cluster is lost, or it cannot be joined."""
        patience, joined = LOADING, False
        until = time.monotonic() + patience
        while True:
            try:
                if not connection.poll(max(0.0, until - time.monotonic())):
                    raise _unanswered(address, patience, joined)
                kind, value = connection.recv()
            except (EOFError, OSError) as error:
                raise ClusterError(
                    f"the connection to the Ray cluster at {address} has ended: {GO_ON}."
                ) from error
            if kind == "joined":
                joined = True
            if kind in ("patience", "alive"):  # anything else may be said without the head
                patience = value
                until = time.monotonic() + patience
            elif kind == "say":
                self.say(value)
            elif kind == "fraction":
                on_fraction(value)
            elif kind == "ended":
                yield value
            elif kind == "lost":
                raise ClusterError(f"the Ray cluster at {address} is lost: {value}; {GO_ON}.")
            elif kind == "error":
                raise value
            elif kind == "done":
                return


def _joined() -> Any:
    """Ray's runtime context, where this process has joined a cluster."""
    ray = sys.modules.get("ray")
    return ray.get_runtime_context() if ray is not None and ray.is_initialized() else None


def _environment() -> dict[str, str]:
    """This process's variables, the fork server's may be older, and Ray's runtime environment."""
    environment = dict(os.environ)
    context = _joined()
    if context and (carried := json.loads(context.get_runtime_env_string())):
        environment.setdefault(JOB_CONFIG, json.dumps({"runtime_env": carried}))
    return environment


def _unanswered(address: str, seconds: float, joined: bool) -> StylecliError:
    """The error for a cluster that is silent."""
    if joined:
        return ClusterError(
            f"the head of the Ray cluster at {address} has not answered for {seconds:.0f} seconds: "
            f"{GO_ON}."
        )
    if address == "local":
        return UsageError(f"Ray has not started within {seconds:.0f} seconds.")
    return UsageError(
        f"cannot join a Ray cluster at {address}: no head of Ray has answered within "
        f"{seconds:.0f} seconds; it may be another service, want a token (RAY_AUTH_TOKEN), or be "
        "of another version."
    )


def _end(process: Any, patience: float) -> None:
    """End the driving process, which may take its time to clean up."""
    if patience:
        process.terminate()
        process.join(patience)
    process.kill()
    process.join()
    process.close()


def drive(
    connection: Connection,
    address: str,
    options: ClusterOptions,
    groups: Sequence[Group],
    environment: dict[str, str],
) -> None:
    """Main function of the driving process: join, run the groups, leave."""
    end_with_parent()
    _silence()
    os.environ.clear()
    os.environ.update(environment)
    lock = Lock()

    def send(kind: str, value: Any = None) -> None:
        with lock:
            connection.send((kind, value))

    try:
        ray = import_ray(local=address == "local")
        _join(ray, address, send)
        try:
            from stylecli.batch.ray_driver import RayDriver

            signal.signal(signal.SIGTERM, _leave)  # Ray's own would end it with code 15
            RayDriver(ray, options, groups, send).run(SILENCE)
            send("done")
        finally:
            ray.shutdown()
    except StylecliError as error:
        send("error", error)
    except BrokenPipeError:
        pass
    except SystemExit:
        raise
    except Exception as error:  # whatever a library of Ray's raises when the cluster is gone
        from stylecli.batch.ray_driver import brief

        with contextlib.suppress(OSError):
            send("lost", brief(error))


def _join(ray: Any, address: str, send: Callable[..., None]) -> None:
    """Join the cluster or start one here. Raises `UsageError`."""
    local = address == "local"
    send("say", "Starting Ray" if local else f"Joining the Ray cluster at {address}")
    send("patience", STARTING if local else ANSWER)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if local:
        quiet["include_dashboard"] = False
    try:
        check_reachable(address)
        # Workers look for modules where the driver is: in our own folder, not in a stranger's.
        with clean_environment(), contextlib.chdir(PACKAGE_FOLDER):
            ray.init(address, **quiet)
    except UsageError:
        raise
    except Exception as error:  # ConnectionError, RuntimeError and others
        from stylecli.batch.ray_driver import brief

        raise UsageError(f"cannot join a Ray cluster at {address}: {brief(error)}.") from error
    send("joined")
    send("alive", SILENCE)


def _silence() -> None:
    """Standard output is the program's alone, and standard error holds its sentences alone."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def _leave(*_: object) -> None:
    raise SystemExit(0)
