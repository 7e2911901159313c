"""Failmap: where recurrent networks stop learning, why, and what fixes it.

The packages are `failmap.search`, `.models`, `.datasets`, `.analysis` and `.run_folder`. The functions below
are the public API. They are imported on first use, because most of them bring pandas or torch along; `watch`
brings neither Ray nor Optuna.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failmap.api import check, failure_map, load_model, load_run, run, run_function, verdict
    from failmap.watcher.watch import watch

__all__ = ["check", "failure_map", "load_model", "load_run", "run", "run_function", "verdict", "watch"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("failmap.watcher.watch" if name == "watch" else "failmap.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
