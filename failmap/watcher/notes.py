"""What was noticed in a loop besides the causes of a failure: one line each, with what to do."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from failmap.watcher.parts import named_modules

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
    if last_signal("state_graph_carried") == 1:
        yield (
            "a hidden state is carried to the next batch with the graph of all batches before, so that "
            "memory and time grow: call detach() on it between batches"
        )
    elif held:
        yield (
            f"the graphs of the last {held} steps are still in memory, which grows: collect loss.item() or "
            "loss.detach(), and outputs.detach()"
        )
    for name, module in named_modules(model):
        if isinstance(module, nn.RNNBase) and module.num_layers == 1 and module.dropout > 0:
            yield (
                f"dropout={module.dropout:g} of {name} does nothing, since it acts between layers and there "
                "is one: put an nn.Dropout after it"
            )
    unbounded = [
        name
        for name, module in named_modules(model)
        if isinstance(module, nn.RNN | nn.RNNCell) and module.nonlinearity == "relu"
    ]
    if unbounded and last_signal("clipping_seen") == 0:
        yield (
            f"the ReLU states of {unbounded[0]} have no bound, and no clipping of gradients was seen: call "
            "nn.utils.clip_grad_norm_ before the optimizer's step"
        )
