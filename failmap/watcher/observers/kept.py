"""Autograd graphs of earlier steps that a loop still holds, because it collects losses with their graphs."""

import gc
import weakref
from typing import Any

from failmap.search.trial.probes.common import Signals
from failmap.watcher.observer import Observer, Step, Watched

#: Steps for which graphs must have been held: more than any loop accumulates gradients over, and far fewer
#: than an epoch whose losses are collected.
LEAST_HELD = 50
#: Key of the mark in a node's metadata.
_KEY = "failmap"


class _Mark:
    """Lives as long as the node of a graph in whose metadata it is."""


class KeptGraphObserver(Observer):
    """Reports `graphs_held`: for how many steps, up to this one, no graph has been freed.

    At a look, a mark is left in the metadata of the node that made the outputs, or else the loss. It dies
    with the node, and only weak references to it are kept, so that nothing is held here. The signal is absent
    while graphs are freed: marks of steps further apart than LEAST_HELD must all be alive, and
    stay alive when Python's garbage is collected once.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._marks: list[tuple[int, weakref.ref[_Mark]]] = []
        self._least_held = LEAST_HELD
        self._is_sure = False

    def after_look(self, step: Step) -> Signals:
        """Count the steps whose graphs are alive, and mark this one's."""
        held = self._held(step.update)
        if held > self._least_held and not self._is_sure:
            # Reference cycles are freed late, but they are freed.
            gc.collect()
            held = self._held(step.update)
            self._is_sure = held > self._least_held
            # Each collection takes time: after one in vain, the next waits for twice as many steps.
            self._least_held *= 1 if self._is_sure else 2
        self._mark(step)
        return {"graphs_held": held} if self._is_sure and held > self._least_held else {}

    def _held(self, update: int) -> int:
        """Return the number of steps since the oldest mark from which on all are alive."""
        dead = [index for index, (_, mark) in enumerate(self._marks) if mark() is None]
        if dead:
            self._marks = self._marks[dead[-1] + 1 :]
        return update - self._marks[0][0] if self._marks else 0

    def _mark(self, step: Step) -> None:
        node: Any = None if step.outputs is None else step.outputs.grad_fn
        node = node or step.loss.grad_fn
        metadata = getattr(node, "metadata", None)
        if isinstance(metadata, dict):
            metadata[_KEY] = mark = _Mark()
            self._marks.append((step.update, weakref.ref(mark)))
