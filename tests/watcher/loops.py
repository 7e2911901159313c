"""A tiny training loop that calls observers as the watcher does, and the verdict's rules on what they saw."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import Evaluation
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.observers import OBSERVERS
from tests.analysis.diagnosis.conftest import make_record

LOOKS = frozenset({1, 2, 3, 4, 8, 16})

#: One update, which returns the loss and what the user gives to the watcher besides.
Update = Callable[[int], tuple[Tensor, dict[str, Tensor]]]


class Spy:
    """Observes a loop of the test's own and collects the signals of its looks."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: Any = None) -> None:
        self.model = model
        watched = Watched(model, optimizer, loss_fn)
        self.observers: list[Observer] = [observer(watched) for observer in OBSERVERS]
        self.history: list[Evaluation] = []

    def steps(self, count: int = 16) -> Iterator[int]:
        """Yield the numbers of the steps and prepare the looks."""
        for update in range(1, count + 1):
            if update in LOOKS:
                for one in self.observers:
                    one.before_look()
            yield update

    def see(self, update: int, loss: Tensor, **shown: Tensor) -> None:
        """Take the place of `watch.step`."""
        step = Step(update, loss, is_training=self.model.training, **shown)
        for one in self.observers:
            one.at_step(step)
        if update in LOOKS:
            self._keep(update, loss, [one.after_look(step) for one in self.observers])

    def validate(self, update: int, loss: Tensor) -> None:
        """Take the place of `watch.validate`."""
        step = Step(update, loss, is_training=self.model.training)
        self._keep(update, loss, [one.at_validation(step) for one in self.observers])

    def _keep(self, update: int, loss: Tensor, parts: list[dict[str, Any]]) -> None:
        signals = {name: _plain(value) for part in parts for name, value in part.items()}
        value = float(loss.detach())
        self.history.append(Evaluation(update, 0.0, value, value, value, 0.0, signals))

    def fired(self) -> set[str]:
        """Return the names of the rules of watched loops that observe something."""
        ends = {name: _plain(value) for one in self.observers for name, value in one.at_end().items()}
        self.history[-1].signals.update(ends)
        curves = TrainingCurves(make_record(None, self.history, {}, {}), self.history, is_blind=True)
        modules = {"head", "axes", "loop"}
        rules = [rule for rule in RULES if rule.look.__module__.rsplit(".", 1)[-1] in modules]
        return {rule.name for rule in rules if list(rule.look(curves))}


def watch_updates(model: nn.Module, update: Update, optimizer: torch.optim.Optimizer | None = None) -> Spy:
    """Return what was seen of an ordinary loop over updates."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for number in spy.steps():
        loss, shown = update(number)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(number, loss, **shown)
    return spy


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value
