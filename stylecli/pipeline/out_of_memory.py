"""Out of memory, in the many ways it is raised, as one error. No torch."""

import contextlib
from collections.abc import Iterator, Sequence

from stylecli.errors import MemoryLimitError, is_out_of_memory
from stylecli.settings import Settings


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
