"""The process of a worker: its limit of memory, its failed allocations, and its preemption."""

import ctypes
import errno
import gc
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import torch

from failmap.search.trial.config import TrialConfig

#: Room for threads that Ray starts later, and for memory that the allocator caches.
_SPARE_BYTES = 256 * 2**20
#: Texts of torch's plain RuntimeError when the host has no memory left (c10/core/impl/alloc_cpu.cpp), and of
#: the C++ library's.
_HOST_MESSAGES = ("can't allocate memory", "not enough memory", "std::bad_alloc")
#: Seconds until a preempted process ends in any case: clouds take a machine away 30 to 120 seconds after the
#: signal.
GRACE_SECONDS = 60


def limit_memory(num_bytes: int) -> None:
    """Limit this process permanently to a number of bytes beyond its current use.

    The limit is on its data segment (RLIMIT_DATA): allocations beyond it fail, and the process continues. It
    applies on Linux only.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return
    lines = status.read_text(encoding="utf-8").splitlines()
    data_bytes = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
    limit = data_bytes + num_bytes + _SPARE_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a failed allocation, on the GPU or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _HOST_MESSAGES)


def is_device_broken(error: BaseException) -> bool:
    """Return whether the GPU has failed for this process, so that every further call to it fails too."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def free_memory(error: BaseException) -> None:
    """Release the memory of a failed training, for the next one in this process."""
    # The frames of a traceback, and of those it was raised from, hold tensors.
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    gc.collect()
    if sys.platform == "linux":
        # Memory that the allocator caches counts towards the process's limit. Only glibc has this call.
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
    if torch.cuda.is_available():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def describe_size(config: TrialConfig) -> str:
    """Describe what did not fit, as in 'batch 64 x length 100, lstm of 512 units, depth 5'."""
    task, model = config.task.model_dump(), config.model.model_dump()
    length = task.get("sequence_length")
    units, depth = model.get("hidden_size"), model.get("depth")
    text = f"batch {config.train.batch_size}" + ("" if length is None else f" x length {length}")
    text += f", {model['name']}" + ("" if units is None else f" of {units} units")
    return text + ("" if depth is None else f", depth {depth}")


class PreemptedError(Exception):
    """This worker has been preempted: its training is saved, and it accepts no other."""


class PreemptionFlag:
    """Remembers a SIGTERM, after which the process has some seconds to save its training and end.

    Create it in the main thread, the only one in which Python runs signal handlers. It replaces Ray's
    handler, which ends the process immediately.

    Attributes:
        is_set: Whether the signal has been received.
    """

    def __init__(self, grace_seconds: int = GRACE_SECONDS) -> None:
        self.is_set = False
        self._grace_seconds = grace_seconds
        signal.signal(signal.SIGTERM, self._set)

    def _set(self, number: int, frame: FrameType | None) -> None:
        if not self.is_set:
            self.is_set = True
            # Unhandled, SIGALRM ends a process even during a long call into C.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(self._grace_seconds)
