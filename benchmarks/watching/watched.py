"""The same loop under `failmap.watch`, with a clock that runs while this loop runs."""

import contextlib
import io
import time
from collections.abc import Iterable, Iterator
from typing import Literal

from torch import Tensor

import failmap
from benchmarks.watching.training import Training
from failmap.watcher import looks as looks_module
from failmap.watcher import watch as watch_module

#: What the loop gives to the watch: everything, also validations, or its loss alone.
Given = Literal["everything", "validation", "loss"]


class OwnClock:
    """CPU seconds of the blocks of one loop. Others that run in turn do not move it."""

    def __init__(self) -> None:
        self._before, self._started = 0.0, time.process_time()

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self._before + time.process_time() - self._started

    def resume(self) -> None:
        """Go on."""
        self._started = time.process_time()

    def pause(self) -> None:
        """Stand still until the next `resume`."""
        self._before = self()


class WatchedTraining(Training):
    """A training under the watch.

    The watch grants its looks a share of the time since its start, and writes every 20 seconds. Both are
    measured by a clock of this loop alone: in real use nothing else runs in turn with it.

    Args:
        network: As `Net` takes it.
        given: What the watch is shown.
        storage: Folder that the watch writes to.
    """

    def __init__(self, network: str, given: Given, storage: str) -> None:
        super().__init__(network, validates=given == "validation")
        self._given, self._storage = given, storage
        self._clock = OwnClock()
        with self._on_own_clock():
            self.watch = failmap.watch(self.model, self.optimizer, self.loss_fn, storage=storage)

    def run(self, updates: Iterable[int]) -> None:
        """Make some optimizer steps."""
        with self._on_own_clock():
            super().run(updates)

    def after_step(self, loss: Tensor, inputs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Show a step."""
        if self._given == "loss":
            self.watch.step(loss)
        else:
            self.watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)

    def after_validation(self, loss: Tensor, inputs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Show a validation."""
        self.watch.validate(loss, inputs=inputs, outputs=outputs, targets=targets)

    def close(self) -> None:
        """Close the watch; its verdict is not printed."""
        with self._on_own_clock(), contextlib.redirect_stdout(io.StringIO()):
            self.watch.close()
        assert self.watch.verdict is not None, "the watch must have worked to be measured"
        assert not self.watch.problems, self.watch.problems

    @contextlib.contextmanager
    def _on_own_clock(self) -> Iterator[None]:
        clocks = looks_module.process_time, watch_module.monotonic
        looks_module.process_time = watch_module.monotonic = self._clock  # type: ignore[assignment]
        self._clock.resume()
        try:
            yield
        finally:
            self._clock.pause()
            looks_module.process_time, watch_module.monotonic = clocks
