"""What was noticed in a loop besides the causes of a failure: one line each, with what to do."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

#: Returns the last value of a signal, or None if it was never measured.
LastSignal = Callable[[str], Any]


def notes_of(model: nn.Module, last_signal: LastSignal) -> tuple[str, ...]:
    """Return the notes on a watched training.

    Args:
        model: The network that is trained.
        last_signal: Returns the last value of a signal.
    """
    return tuple(_notes(model, last_signal))


def _notes(model: nn.Module, last_signal: LastSignal) -> Iterator[str]:
    held = last_signal("graphs_held")
    if held:
        yield (
            f"the graphs of the last {held} steps are still in memory, which grows: collect loss.item() or "
            "loss.detach(), and outputs.detach()"
        )
