"""Out of memory, in the many ways it is told, as one error. No torch."""

import contextlib
from collections.abc import Iterator, Sequence

from stylecli.errors import MemoryLimitError
from stylecli.settings import Settings

# torch's CPU allocator raises a plain RuntimeError, with either of these in its text.
_CPU_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the CPU or on a GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _CPU_WORDS)


@contextlib.contextmanager
def memory_guard(content: Sequence[int], settings: Settings) -> Iterator[None]:
    """Turn running out of memory into `MemoryLimitError`.

    `content` is the content's shape, (..., H, W); with the settings it gives the size to name.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryLimitError) or not is_out_of_memory(error):
            raise
        long_side = settings.size or max(content[-2:])
        raise MemoryLimitError(
            f"there is not enough memory for a long side of {long_side} pixels: "
            f"try size {max(1, long_side // 2)}, or close other programs."
        ) from error
