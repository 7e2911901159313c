"""A file that says it is larger than this machine's memory is not unpacked: a few kB can say so."""

import psutil

from failmap.datasets.errors import TaskError


def require_room(num_bytes: int, what: str) -> None:
    """Refuses what would not fit into the memory that is free.

    Args:
        num_bytes: that the values take as they are stored.
        what: whose values they are, for the message.

    Raises:
        TaskError: they do not fit.
    """
    available = psutil.virtual_memory().available
    if num_bytes > available:
        raise TaskError(f"{what}: says that it holds {num_bytes:,} bytes, and {available:,} are free")
