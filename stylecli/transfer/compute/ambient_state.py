"""Independence of the calling program's torch state: autocast, inference mode, default device.

All of it is local to the thread and is as it was afterwards. The default dtype is global, so it is
not touched: tensors here are made with an explicit one.
"""

import contextlib
import os
from collections.abc import Iterator

import torch

_forked = False  # whether this process is a fork of one that had loaded this module


@contextlib.contextmanager
def standard_state() -> Iterator[None]:
    """Within, torch computes as in a new process, without gradients.

    A forked process computes in one thread from here on: the threads of its parent did not come
    with it, and the first loop that is shared with them would wait forever.
    """
    if _forked and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.cuda.is_available():
            stack.enter_context(_float32_convolutions())
        yield


def _float32_convolutions() -> contextlib.AbstractContextManager[None]:
    """CuDNN without TF32, which rounds float32 to 10 binary digits, and the same every time.

    This is global while it lasts: convolutions of other threads are as exact.
    """
    flags: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, deterministic=True, allow_tf32=False
    )
    return flags


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
