"""Out of memory, in the many ways it is told, as one error. No torch."""

import contextlib
from collections.abc import Iterator

from stylecli.errors import MemoryLimitError

# torch's CPU allocator raises a plain RuntimeError, with either of these in its text.
_CPU_WORDS = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the CPU or on a GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _CPU_WORDS)


@contextlib.contextmanager
def memory_guard(width: int, height: int) -> Iterator[None]:
    """Turn running out of memory into `MemoryLimitError`; the size, in pixels, is for its text."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryLimitError) or not is_out_of_memory(error):
            raise
        raise MemoryLimitError(
            f"there is not enough memory for {width}x{height} pixels: "
            f"try size {max(width, height) // 2} (long side), or close other programs."
        ) from error
