"""Out of memory and a GPU's failure, in the many ways they are raised, as our errors. No torch."""

import contextlib
from collections.abc import Iterator, Sequence

from stylecli.errors import MemoryLimitError, UsageError, is_device_failure, is_out_of_memory
from stylecli.messages import short_repr
from stylecli.settings import Settings


@contextlib.contextmanager
def memory_guard(content: Sequence[int], settings: Settings) -> Iterator[None]:
    """Turn running out of memory into `MemoryLimitError`, a GPU's failure into `UsageError`.

    `content` is the content's shape, (..., H, W); with the settings it gives the size to name.
    """
    try:
        yield
    except Exception as error:
        if is_device_failure(error):
            what = short_repr(str(error).partition("\n")[0])
            raise UsageError(
                f"the GPU failed ({what}): see 'stylize doctor --check', or use --device cpu."
            ) from error
        if isinstance(error, MemoryLimitError) or not is_out_of_memory(error):
            raise
        long_side = settings.size or max(content[-2:])
        raise MemoryLimitError(
            f"there is not enough memory for a long side of {long_side} pixels: "
            f"try size {max(1, long_side // 2)}, or close other programs."
        ) from error
