"""Watching of somebody's own training loop, in three lines of it.

watch = failmap.watch(model, optimizer, loss_fn)
for inputs, targets in loader:
    ...
    watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
verdict = watch.close()
"""

import atexit
import weakref
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from failmap.run_folder.errors import UserError
from failmap.watcher.folder import WatchedFolder, create_folder
from failmap.watcher.looks import Looks
from failmap.watcher.observation import Observation
from failmap.watcher.problems import warn
from failmap.watcher.verdict import Verdict

#: Seconds between two writes of a training that goes on.
_WRITE_SECONDS = 20.0


class Watch(Observation):
    """Watches one training, writes its run folder, and prints its verdict.

    Args:
        model, optimizer, loss_fn: As of `Observation`, and so are the other options.
        name: Of the run folder; None for a unique one after the script.
        storage: Folder that holds runs.
        must_write: Whether a run folder is written.

    Attributes:
        verdict: The latest one; None before the first.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Any = None,
        *,
        name: str | None = None,
        storage: str = "runs",
        every: int | None = None,
        metric: str | None = None,
        chance: float | None = None,
        time_dim: int | None = None,
        must_write: bool = True,
    ) -> None:
        self.verdict: Verdict | None = None
        self._folder: WatchedFolder | None = None
        self._written_at = monotonic()
        self._at_exit = partial(_close_at_exit, weakref.ref(self))
        super().__init__(
            model,
            optimizer,
            loss_fn,
            looks=Looks(),
            every=every,
            metric=metric,
            chance=chance,
            time_dim=time_dim,
        )
        if not self.is_active:
            return
        if must_write and _is_first_process():
            try:
                self._folder = WatchedFolder(create_folder(storage, name))
            except (UserError, OSError) as error:
                self.tell(f"nothing is written: {error}")
        atexit.register(self._at_exit)

    def close(self) -> Verdict | None:
        """End the watch, print the verdict, and return it; None if nothing could be watched."""
        if not self.is_active:
            return self.verdict
        with self._guarded():
            self._add_final()
            self._write(is_over=True)
            print(self.verdict, flush=True)
        self._is_closed = True
        self.detach()
        return self.verdict

    def detach(self) -> None:
        """Stop watching, and remove all hooks."""
        atexit.unregister(self._at_exit)
        super().detach()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _after_look(self) -> None:
        if monotonic() - self._written_at > _WRITE_SECONDS:
            self._write(is_over=False)

    def _write(self, *, is_over: bool) -> None:
        self._written_at = monotonic()
        self.verdict = self._recording.write(self._folder, is_over=is_over)

    def _tell(self, problem: str) -> None:
        warn(problem)


def watch(model: nn.Module, optimizer: Optimizer, loss_fn: Any = None, **options: Any) -> Watch:
    """Watch a training loop; see `Watch` for the options."""
    return Watch(model, optimizer, loss_fn, **options)


def _is_first_process() -> bool:
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_rank() > 0)


def _close_at_exit(reference: "weakref.ref[Watch]") -> None:
    watching = reference()
    if watching is not None:
        watching.close()
