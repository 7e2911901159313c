"""Storage under one folder that fails, is slow or is full while a flag file exists."""

import builtins
import errno
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Contents of the flag file: every access fails; writes fail for lack of space; every access is slow.
FAILS, FULL, SLOW = "fails", "full", "slow"
SLOW_SECONDS = 0.1


def plant_in_storage(folder: str, flag: str) -> None:
    """Patch Python's file functions. Files opened by C libraries are not affected."""
    read_mode = _reader_of(flag)

    def check(path: Any, *, writes: bool) -> None:
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
        check(path, writes=any(letter in mode for letter in "wax+"))
        return real_open_file(path, mode, *args, **kwargs)

    def open_handle(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        check(path, writes=bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return real_open_handle(path, flags, *args, **kwargs)

    real_open_file, real_open_handle = io.open, os.open
    for module in (builtins, io):
        setattr(module, "open", open_file)  # noqa: B010 - its type is overloaded, ours is not
    os.open = open_handle
    for name in ("write", "fsync", "replace", "rename", "mkdir"):
        setattr(os, name, _checked(getattr(os, name), check))


def _checked(call: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    """Wrap a writing call whose first argument is a path or a file descriptor."""

    def checked(target: Any, *args: Any, **kwargs: Any) -> Any:
        check(target, writes=True)
        return call(target, *args, **kwargs)

    return checked


def _reader_of(flag: str) -> Callable[[], str]:
    """Return a function that reads the flag file with the unpatched calls."""
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
    """Return the path of a path or of a file descriptor."""
    if isinstance(target, int):
        try:
            return str(Path(f"/proc/self/fd/{target}").readlink())
        except OSError:
            return None
    return os.path.abspath(os.fsdecode(target))  # noqa: PTH100 - pathlib uses the patched calls
