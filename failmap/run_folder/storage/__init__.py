"""Storage of run folders, on disks and in object stores. A crash at any moment leaves whole files."""

from failmap.run_folder.storage.contract import Files, Log, Store
from failmap.run_folder.storage.location import AnyPath, is_local, parse_location
from failmap.run_folder.storage.store import (
    check_location,
    flag_exists,
    read_text,
    store_of,
    write_atomically,
)

__all__ = [
    "AnyPath",
    "Files",
    "Log",
    "Store",
    "check_location",
    "is_local",
    "flag_exists",
    "parse_location",
    "read_text",
    "store_of",
    "write_atomically",
]
