"""Files of a run in an object store as files on this machine, so that analysis reads them like any others."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from failmap.run_folder.storage.bounded_files import MAX_BYTES, too_large
from failmap.run_folder.storage.location import AnyPath, is_local
from failmap.run_folder.storage.store import store_of, write_atomically

#: What is brought: of the run, and of each trial. Checkpoints and weights stay where they are.
_OF_RUN = frozenset({"config.yaml", "costs.json", "own_cells.json", "provenance.json", "causes.jsonl"})
_OF_TRIAL = frozenset({"record.json", "history.jsonl", "attempt"})

#: Files that are brought at the same time and held in memory: a history may have 120 kB.
_TOGETHER = 256


def local_copy(run: AnyPath) -> Path:
    """The run's folder on this machine: itself, or a copy of what analysis reads of it.

    A copy lies under the user's cache folder and is disposable. Only what has changed since it was brought
    last is brought again, by size and the store's tag. What is written belongs into the run's own folder.

    Raises:
        OSError: the store, or the disk of the cache, fails.
    """
    if is_local(run):
        return run
    assert not isinstance(run, Path)
    copy = cache_folder() / blake2b(str(run).encode(), digest_size=8).hexdigest() / run.name
    # Its states stand beside it, where no file of a run has its name.
    states = copy.with_name("states.json")
    with _alone(copy.parent):
        there = {name: state for name, state in store_of(run).list_files(run).items() if _is_read(name)}
        here = {name: state for name, state in _states(states).items() if (copy / name).is_file()}
        for name in here.keys() - there.keys():
            (copy / name).unlink()
        changed = [name for name, state in there.items() if here.get(name) != state]
        for name in changed:
            # As `Store.list_files` has it: the size comes first.
            num_bytes = there[name].partition(" ")[0]
            if num_bytes.isdecimal() and int(num_bytes) > MAX_BYTES:
                raise too_large(run / name, MAX_BYTES)
        kept = {name: state for name, state in here.items() if there.get(name) == state}
        # Before anything is overwritten: a copy that is cut off in between must not pass for a whole one.
        write_atomically(states, json.dumps(kept), survives_power_loss=False)
        brought = _bring(run, copy, changed)
        write_atomically(states, json.dumps(kept | {name: there[name] for name in brought}))
        store_of(copy).make_folder(copy)
    return copy


def cache_folder() -> Path:
    """Where copies lie: FAILMAP_CACHE, or as the XDG Base Directory Specification has it."""
    named = os.environ.get("FAILMAP_CACHE")
    return (
        Path(named)
        if named
        else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "failmap"
    )


def _is_read(name: str) -> bool:
    match name.split("/"):
        case [file]:
            return file in _OF_RUN
        case ["trials", number, file]:
            return number.isdecimal() and file in _OF_TRIAL
    return False


def _states(path: Path) -> Mapping[str, str]:
    """State by name of what was brought; nothing where the file cannot be read: then all is brought anew."""
    try:
        states: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return states if isinstance(states, dict) else {}


def _bring(run: AnyPath, copy: Path, names: list[str]) -> Iterator[str]:
    """Copies files, and yields the names of those that were there."""
    for begin in range(0, len(names), _TOGETHER):
        share = names[begin : begin + _TOGETHER]
        found = store_of(run).read_many([run / name for name in share])
        for name in share:
            if (content := found.get(run / name)) is not None:
                write_atomically(copy / name, content, survives_power_loss=False)
                yield name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process brings the same run."""
    store_of(folder).make_folder(folder)
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
