"""Where run folders lie, and how their files are written so that a crash at any moment leaves whole ones."""

from failmap.analysis.storage.place import AnyPath, is_local, place_of
from failmap.analysis.storage.store import (
    Files,
    Log,
    Store,
    check_place,
    is_raised,
    read_text,
    store_of,
    write_atomically,
)

__all__ = [
    "AnyPath",
    "Files",
    "Log",
    "Store",
    "check_place",
    "is_local",
    "is_raised",
    "place_of",
    "read_text",
    "store_of",
    "write_atomically",
]
