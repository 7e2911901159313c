"""Local copies of runs in an object store, so that analysis reads them like any others."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.storage.bounded_files import MAX_BYTES, too_large
from failmap.run_folder.storage.location import AnyPath, is_local
from failmap.run_folder.storage.store import store_of, write_atomically

_RUN, _TRIAL = RunFolder(Path()), TrialFolder(Path())
#: The files that are copied. Checkpoints and weights are not.
_OF_RUN = {
    path.name
    for path in (_RUN.config, _RUN.costs, _RUN.own_cells, _RUN.provenance, _RUN.causes, _RUN.importance)
}
_OF_TRIAL = {path.name for path in (_TRIAL.record, _TRIAL.history, _TRIAL.attempt)}

#: Files that are copied at the same time, in memory: a history may have 120 kB.
_BATCH = 256


def local_copy(run: AnyPath) -> Path:
    """Return a run's folder if it is local, or a local copy of the files that analysis reads.

    A copy is in the cache folder and is disposable. Only files whose size or tag has changed are copied
    again. Results must be written to the run's own folder.

    Raises:
        OSError: The store, or the disk of the cache, fails.
    """
    if is_local(run):
        return run
    assert not isinstance(run, Path)
    copy = cache_folder() / blake2b(str(run).encode(), digest_size=8).hexdigest() / run.name
    # The states are stored next to it, where they conflict with no file of a run.
    states = copy.with_name("states.json")
    with _locked(copy.parent):
        there = {name: state for name, state in store_of(run).list_files(run).items() if _is_read(name)}
        here = {name: state for name, state in _states(states).items() if (copy / name).is_file()}
        for name in here.keys() - there.keys():
            (copy / name).unlink()
        changed = [name for name, state in there.items() if here.get(name) != state]
        for name in changed:
            # The state begins with the size: see `Files.list_files`.
            num_bytes = there[name].partition(" ")[0]
            if num_bytes.isdecimal() and int(num_bytes) > MAX_BYTES:
                raise too_large(run / name, MAX_BYTES)
        kept = {name: state for name, state in here.items() if there.get(name) == state}
        # Before anything is overwritten: an interrupted copy must not pass for a complete one.
        write_atomically(states, json.dumps(kept), survives_power_loss=False)
        copied = _copy(run, copy, changed)
        write_atomically(states, json.dumps(kept | {name: there[name] for name in copied}))
        store_of(copy).make_folder(copy)
    return copy


def cache_folder() -> Path:
    """Return the folder of copies: FAILMAP_CACHE, or that of the XDG Base Directory Specification."""
    if named := os.environ.get("FAILMAP_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "failmap"


def _is_read(name: str) -> bool:
    match name.split("/"):
        case [file]:
            return file in _OF_RUN
        case ["trials", number, file]:
            return number.isdecimal() and file in _OF_TRIAL
    return False


def _states(path: Path) -> Mapping[str, str]:
    """Return the stored states by name, or none if they cannot be read: then everything is copied again."""
    try:
        states: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return states if isinstance(states, dict) else {}


def _copy(run: AnyPath, copy: Path, names: list[str]) -> Iterator[str]:
    """Copy files, and yield the names of those that existed."""
    for begin in range(0, len(names), _BATCH):
        batch = names[begin : begin + _BATCH]
        found = store_of(run).read_many([run / name for name in batch])
        for name in batch:
            if (content := found.get(run / name)) is not None:
                write_atomically(copy / name, content, survives_power_loss=False)
                yield name


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a copy, which one process updates at a time."""
    store_of(folder).make_folder(folder)
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
