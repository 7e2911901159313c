"""Where run folders lie, and how their files are written so that a crash at any moment leaves whole ones."""

from failmap.run_folder.storage.contract import Files, Log, Store
from failmap.run_folder.storage.location import AnyPath, is_local, place_of
from failmap.run_folder.storage.store import check_place, is_raised, read_text, store_of, write_atomically

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
