"""Storage that fails, is slow or is full while a flag file says so, for paths under one folder."""

import builtins
import errno
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: What a flag file may say: every access fails; writes fail for want of room; every access takes this long.
FAILS, FULL, SLOW = "fails", "full", "slow"
SLOW_SECONDS = 0.1


def plant_in_storage(folder: str, flag: str) -> None:
    """Patches the calls by which Python reaches files. What C libraries open themselves is left alone."""
    read_mode = _reader_of(flag)

    def meet(path: Any, *, writes: bool) -> None:
        where = _path_of(path)
        if where is None or not where.startswith(folder):
            return
        mode = read_mode()
        if mode == SLOW:
            time.sleep(SLOW_SECONDS)
        elif mode == FAILS:
            raise OSError(errno.EIO, os.strerror(errno.EIO), where)
        elif mode == FULL and writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), where)

    def open_file(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        meet(path, writes=any(letter in mode for letter in "wax+"))
        return real_open_file(path, mode, *args, **kwargs)

    def open_handle(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        meet(path, writes=bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return real_open_handle(path, flags, *args, **kwargs)

    real_open_file, real_open_handle = io.open, os.open
    for module in (builtins, io):
        setattr(module, "open", open_file)  # noqa: B010 - its type is overloaded, ours is not
    os.open = open_handle
    for name in ("write", "fsync", "replace", "rename", "mkdir"):
        setattr(os, name, _met(getattr(os, name), meet))


def _met(call: Callable[..., Any], meet: Callable[..., None]) -> Callable[..., Any]:
    """The same call, once the storage lets it through; its first argument is a path or a handle."""

    def through(target: Any, *args: Any, **kwargs: Any) -> Any:
        meet(target, writes=True)
        return call(target, *args, **kwargs)

    return through


def _reader_of(flag: str) -> Callable[[], str]:
    """Reads the flag file by the calls as they were."""
    real_open, real_read, real_close = os.open, os.read, os.close

    def mode() -> str:
        try:
            handle = real_open(flag, os.O_RDONLY)
        except FileNotFoundError:
            return ""
        try:
            return real_read(handle, 16).decode()
        finally:
            real_close(handle)

    return mode


def _path_of(target: Any) -> str | None:
    """The path of a path or of an open handle."""
    if isinstance(target, int):
        try:
            return str(Path(f"/proc/self/fd/{target}").readlink())
        except OSError:
            return None
    return os.path.abspath(os.fsdecode(target))  # noqa: PTH100 - pathlib is among what is patched
