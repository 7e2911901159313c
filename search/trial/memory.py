"""Memory of a worker process: how it is held to what its trials asked for, and what running out of it is."""

import ctypes
import errno
import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

from failmap.search.trial.config import TrialConfig

#: Threads that Ray starts later, and what the allocator keeps at hand, are no trial's.
_SPARE_BYTES = 256 * 2**20
#: What torch says where the host has no memory left: a plain RuntimeError (c10/core/impl/alloc_cpu.cpp), or
#: that of the C++ library.
_HOST_WORDS = ("can't allocate memory", "not enough memory", "std::bad_alloc")


def limit_memory(num_bytes: int) -> None:
    """Holds this process to so many bytes beyond those that it has now, for good.

    By the size of its data, RLIMIT_DATA: an allocation above it fails, and the process lives on. Linux only;
    elsewhere nothing is done.
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
    """Whether an allocation failed, on the GPU or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _HOST_WORDS)


def is_device_broken(error: BaseException) -> bool:
    """Whether the GPU has failed for this process: from then on every call to it does, for every trial."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def free_memory(error: BaseException) -> None:
    """Lets go of what a failed training held, so that the next one in this process finds it free."""
    # Frames of a traceback hold the tensors that were under way; so do those of what it was raised from.
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    gc.collect()
    if sys.platform == "linux":
        # What the allocator keeps for later counts against the process' limit. Only glibc has such a call.
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
    if torch.cuda.is_available():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def describe_size(config: TrialConfig) -> str:
    """What did not fit: 'batch 64 x length 100, lstm of 512 units, depth 5'."""
    task, model = config.task.model_dump(), config.model.model_dump()
    length = task.get("sequence_length")
    parts = [f"batch {config.train.batch_size}" + ("" if length is None else f" x length {length}")]
    units = model.get("hidden_size")
    parts.append(str(model["name"]) + ("" if units is None else f" of {units} units"))
    if (depth := model.get("depth")) is not None:
        parts.append(f"depth {depth}")
    return ", ".join(parts)
