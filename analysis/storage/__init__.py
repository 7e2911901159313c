"""Where run folders lie, and how their files are written so that a crash at any moment leaves whole ones."""

from analysis.storage.place import AnyPath, is_local, place_of
from analysis.storage.store import Log, Store, store_of, write_atomically

__all__ = ["AnyPath", "Log", "Store", "is_local", "place_of", "store_of", "write_atomically"]
