"""Trials that hang, exhaust memory, raise, exit, or get NaN weights, in the worker that trains them."""

import importlib.util
import sys
import time
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SESSION_MODULE = "failmap.search.trial.session"

#: Longer than any timeout of an evaluation.
HANG_SECONDS = 600.0
#: A trial must be stopped before it allocates this much.
MAX_EATEN_GIB = 6


def plant_in_trials(kinds: Mapping[int, str]) -> None:
    """Make the trials with these numbers fail in their first attempt, after some evaluations."""
    sys.meta_path.insert(0, _OnImport(lambda module: _sabotage(module.TrialSession, kinds)))


class _OnImport(MetaPathFinder):
    """Changes the module of the session as soon as it is imported."""

    def __init__(self, change: Callable[[ModuleType], None]) -> None:
        self.change = change

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != SESSION_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            self.change(module)

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


def _sabotage(session_class: Any, kinds: Mapping[int, str]) -> None:
    advance = session_class.advance

    def sabotaged(self: Any) -> Any:
        kind = kinds.get(int(self.folder.path.name))
        is_first = self.folder.attempt.read_text(encoding="utf-8").strip() == "1"
        if kind is not None and is_first and self.progress.update >= 2 * self.config.train.evaluate_every:
            ACTIONS[kind](self)
        return advance(self)

    session_class.advance = sabotaged


def _hang(session: Any) -> None:
    time.sleep(HANG_SECONDS)


def _eat_memory(session: Any) -> None:
    eaten = [bytearray(b"x" * 2**26) for _ in range(MAX_EATEN_GIB * 2**4)]
    raise AssertionError(f"a trial allocated {len(eaten) / 2**4:.0f} GiB and was not stopped")


def _raise(session: Any) -> None:
    raise RuntimeError("planted by benchmarks.chaos")


def _exit(session: Any) -> None:
    sys.exit(3)


def _lose_weights(session: Any) -> None:
    for parameter in session.training.model.parameters():
        parameter.data.fill_(float("nan"))


#: Faults of a trial, by name.
ACTIONS: dict[str, Callable[[Any], None]] = {
    "hangs": _hang,
    "eats memory": _eat_memory,
    "raises": _raise,
    "exits": _exit,
    "returns NaN": _lose_weights,
}
