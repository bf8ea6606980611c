"""Ray: whether it is there, whether a cluster answers, and who may talk to one started here.

All of it happens in the process that drives Ray, so that nothing of it stays in this one.
"""

import importlib.util
import os
import secrets
import socket
import sys
from typing import Any, Final

from stylecli.errors import UsageError

ANSWER: Final = 10.0  # seconds in which a cluster's head has to answer
# By its name it is for other systems; on each it keeps Ray's servers to the loopback address.
LOOPBACK_ALONE: Final = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
RAY: Final = "ray>=2.52,<3"
OLDEST: Final = (2, 52)  # the first that asks for a token


def import_ray(*, local: bool) -> Any:
    """Ray, without its usage statistics; one started here asks for a token that we alone know.

    Ray runs the code of whoever can talk to it, and every user of this machine could. Raises
    `UsageError` where it is not installed, or too old to ask for one.
    """
    if local:  # in the environment, since a file in the home folder would stay
        os.environ[LOOPBACK_ALONE] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # leave CUDA's variable be
    check_installed()
    import ray

    if tuple(map(int, ray.__version__.split(".")[:2])) < OLDEST:
        raise UsageError(
            f'Ray {ray.__version__} runs the code of anyone who can reach it: pip install "{RAY}", '
            "or use --engine local."
        )
    return ray


def check_installed() -> None:
    """Raise `UsageError` where Ray is not installed; imports nothing."""
    try:
        there = importlib.util.find_spec("ray") is not None
    except ValueError:  # a module without a specification, or none in its place
        there = sys.modules["ray"] is not None
    if not there:
        raise UsageError(f'--engine ray needs Ray: pip install "{RAY}", or use --engine local.')


def check_reachable(address: str) -> None:
    """Raise `OSError` where HOST:PORT is closed; Ray itself would retry for long.

    Raises `UsageError` for an address of another kind, such as that of Ray's dashboard.
    """
    scheme, separator, _ = address.partition("://")
    if separator and scheme != "ray":
        raise UsageError(
            f"{address} is no address of a Ray cluster: give HOST:PORT of its head, by default "
            "port 6379."
        )
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
