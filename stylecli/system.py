"""The operating system: which processes are alive."""

import os


def process_is_alive(process: int) -> bool:
    """Whether a process of this number runs, as far as this user may know."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
