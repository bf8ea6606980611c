"""The errors this library raises, each with the exit code the command line ends with.

StylecliError                  1  unexpected failure (never raised itself)
├── UsageError                 2  options that make no sense, alone or together; a device that fails
│   └── SettingsError          2  a setting out of its range
├── ClusterError               3  the machines of a batch are gone
├── InputError                 4  an input cannot be read, or is refused
├── OutputError                5  an output cannot be written, or must not be
├── WeightsError               6  weights missing, corrupt or not downloadable
├── MemoryLimitError           7  no plan fits into the memory there is
└── Halted                   130  a run that was told to stop, and has been saved

Every message is one sentence: what is wrong, where, and what to do about it.
"""

import errno
import sys
from typing import ClassVar


class StylecliError(Exception):
    """Root of everything this library raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(StylecliError):
    """Options that make no sense, alone or together."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting out of its range; the message names the setting and the range."""


class ClusterError(StylecliError):
    """A cluster that no longer answers, so that some of a batch is left."""

    exit_code = 3


class InputError(StylecliError):
    """An input that cannot be read, or that is refused."""

    exit_code = 4


class OutputError(StylecliError):
    """An output that cannot be written, or that must not be overwritten."""

    exit_code = 5


class WeightsError(StylecliError):
    """Encoder weights that are missing, corrupt or cannot be downloaded."""

    exit_code = 6


class MemoryLimitError(StylecliError):
    """No plan fits into memory; the message names the size that would."""

    exit_code = 7


class Halted(StylecliError):
    """A run that was told to stop; the message says how to go on."""

    exit_code = 130


# torch raises a plain RuntimeError, with any of these in its text: its CPU allocator, Python, where
# there is no room for a thread's stack, and the allocators and libraries of CUDA and MPS that do
# not raise torch.OutOfMemoryError.
_MEMORY_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "can't start new thread",
    "std::bad_alloc",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
    "Invalid buffer size",  # MPS, for one block past its limit
)
# Of a GPU that is lost, in a bad state, too old or new for this build, or without its driver. What
# happens after such an error on a device is not to be trusted, so no other plan is tried there.
_DEVICE_WORDS = (
    "CUDA error",
    "CUDA driver",
    "CUDA unknown error",
    "CUDA GPUs are available",
    "cuDNN error",
    "CUDNN_STATUS_",
    "CUBLAS_STATUS_",
    "CUBLAS error",
    "HIP error",
    "no kernel image is available",
    "MPS backend",
)
# oneDNN does not say why it could not: for tensors that do not fit together, or for memory. The
# latter is refused only where addresses are limited (ulimit -v); elsewhere the system overcommits.
_VAGUE_WORDS = ("could not create a primitive", "could not create a memory")
# The system's loader, where a library does not fit into the address space (ulimit -v).
_LOADER_WORDS = ("failed to map segment", "annot allocate memory", "cannot create shared object")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the CPU or on a GPU.

    torch's own class is known by its name here, so that torch need not be imported.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, ImportError):
        return any(word in str(error) for word in _LOADER_WORDS)
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, RuntimeError):
        return False
    words = (*_MEMORY_WORDS, *_VAGUE_WORDS) if _addresses_are_limited() else _MEMORY_WORDS
    return any(word in str(error) for word in words)


def is_device_failure(error: BaseException) -> bool:
    """Whether an exception says that a GPU failed, for another reason than its memory."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    accelerator = type(error).__name__ == "AcceleratorError"
    return accelerator or any(word in str(error) for word in _DEVICE_WORDS)


def _addresses_are_limited() -> bool:
    if sys.platform == "win32":  # which does not overcommit
        return True
    else:
        import resource

        return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
